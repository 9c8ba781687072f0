//! Reloads of the configuration: what it says changes in place, and whoever is connected stays. Apps
//! that come and go are in `dropin`.

mod bad;
mod limits;
mod manager;
mod served;
mod traffic;

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::Daemon;
use ringsocket_tests::handshake::{Request, Response};

use super::dropin::{
    app_threads, builder, connect_to, expect_version, install, reload, reload_badly, remove,
    wait_for_app_threads,
};

/// Writes another configuration, in which words stand for what they do in the first one.
fn configure(daemon: &Daemon, text: &str) {
    let mut text = text
        .replace("{apps}", &daemon.path().join("apps").display().to_string())
        .replace("{dir}", &daemon.path().display().to_string());
    for (at, address) in daemon.addresses().iter().enumerate() {
        let word = if at == 0 { "{port}".to_owned() } else { format!("{{port{at}}}") };
        text = text.replace(&word, &address.port().to_string());
    }
    std::fs::write(daemon.path().join("ringsocket.json"), text).expect("writing a configuration");
}

/// Has the daemon go by another configuration.
#[track_caller]
fn change(daemon: &Daemon, text: &str) {
    configure(daemon, text);
    reload(daemon);
}

#[track_caller]
fn get(daemon: &Daemon, target: &str) -> Response {
    Client::refused(daemon.address(), &Request::get("localhost", target)).expect("a response")
}

/// Says something to `echo`, which must come back.
#[track_caller]
fn echoes(client: &mut Client, text: &str) {
    client.text(text).unwrap();
    client.expect_text(text);
}

#[track_caller]
fn expect_ping(client: &mut Client) {
    assert_eq!(client.receive().unwrap(), Message::Ping(Vec::new()));
}
