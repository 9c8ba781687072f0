//! What `ringsocket check` says, and its exit status.

use super::*;

#[test]
fn check_says_ok_and_what_is_served() {
    let dir = Folder::new("check");
    dir.file("echo.so", b"");
    dir.file("www/index.html", b"");
    let json = format!(
        r#"{{ "worker_c": 2, "ports": [{{ "port_number": 80, "is_unencrypted": true, "www_root": "{0}/www" }},
          {{ "port_number": 81, "is_unencrypted": true }}],
          "apps": [{{ "name": "echo", "endpoints": [
            {{ "endpoint_id": 0, "url": "ws://a.b/c", "allowed_origins": ["http://d", "http://e"] }},
            {{ "endpoint_id": 3, "url": "ws://a.b:81/c" }},
            {{ "endpoint_id": 4, "url": "/d" }} ] }}] }}"#,
        dir.path().display()
    );
    dir.file("c.json", json.as_bytes());
    let source = Source { path: dir.path().join("c.json"), explicit: true };
    let (text, status) = check(&source, &around(dir.path()));
    let expected = format!(
        "{0}/c.json: ok\n  app echo ({0}/echo.so)\n    \
         ws://a.b/c, id 0, from http://d http://e\n    ws://a.b:81/c, id 3\n    \
         /d on every host, id 4\n  ports: 80 (ws), 81 (ws)\n  workers: 2\n  \
         connections: 4096 (takes LimitNOFILE=4170)\n",
        dir.path().display()
    );
    assert_eq!((text, status), (expected, 0));
}

#[test]
fn check_exits_with_78_on_errors_those_of_pages_included() {
    let dir = Folder::new("check78");
    dir.file("echo.so", b"");
    dir.file("c.json", br#"{ "worker_c": 0, "stop_wait": 0 }"#);
    let source = Source { path: dir.path().join("c.json"), explicit: true };
    let (text, status) = check(&source, &around(dir.path()));
    assert_eq!(status, 78);
    assert!(text.ends_with(&format!("{}/c.json: 2 errors\n", dir.path().display())), "{text}");

    let large = std::fs::File::create(dir.path().join("large.txt")).unwrap();
    large.set_len(crate::www::MAX_FILE_SIZE + 1).unwrap();
    let json = format!(
        r#"{{ "ports": [{{ "port_number": 80, "is_unencrypted": true, "www_root": "{}" }}] }}"#,
        dir.path().display()
    );
    dir.file("c.json", json.as_bytes());
    let (text, status) = check(&source, &around(dir.path()));
    assert_eq!(status, 78, "{text}");
    assert!(text.contains("a www_root takes files of up to 16 MiB"), "{text}");
}
