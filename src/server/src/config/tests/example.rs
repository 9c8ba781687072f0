//! The example that is shipped as /etc/ringsocket.json says what is true: it sets nothing, and the
//! values in its comments are the defaults.

use super::*;

const EXAMPLE: &str = include_str!("../../../../../packaging/ringsocket.json");

#[test]
fn the_shipped_file_sets_nothing_and_names_the_defaults() {
    let dir = Folder::new("example");
    dir.file("echo.so", b"");
    let source = Source { path: "/nonexistent/ringsocket.json".into(), explicit: false };
    let built_in = load(&source, &around(dir.path())).unwrap().config;
    let shipped = parse("example", EXAMPLE, &around(dir.path())).unwrap();
    assert_eq!((shipped.config, shipped.warnings.to_string()), (built_in.clone(), String::new()));

    // Lines like `//"key": 1,` once more without their slashes; lists of examples stay comments.
    let is_scalar = |line: &&str| line.starts_with("//\"") && line.ends_with(',');
    let keys: Vec<_> = EXAMPLE.lines().map(str::trim).filter(is_scalar).collect();
    assert!(keys.len() >= 18, "{keys:?}");
    let text = keys.iter().map(|line| &line[2..]).collect::<String>();
    let mut written = parse("example", &format!("{{{text}}}"), &around(dir.path())).unwrap();
    assert_eq!(written.warnings.to_string(), "");
    // The one default that depends on the machine.
    written.config.worker_c = built_in.worker_c;
    assert_eq!(written.config, built_in);
}
