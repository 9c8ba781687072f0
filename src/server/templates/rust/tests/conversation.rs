//! The app in a real server, with real clients: conversation.txt says who says what.

use std::env;
use std::process::Command;

#[test]
fn the_conversation_goes_as_it_is_written() {
    // Cargo builds the app beside this test.
    let mut app = env::current_exe().unwrap();
    app.set_file_name("libfirst_app.so");
    let conversation = concat!(env!("CARGO_MANIFEST_DIR"), "/conversation.txt");
    let status = Command::new("ringsocket-try")
        .arg(app)
        .arg(conversation)
        .status();
    let status = status.expect("ringsocket-try runs: it is part of libringsocket-dev");
    assert!(status.success(), "what went wrong is said above");
}
