//! What is served where, whose word is believed, and what is logged.

use std::io::Read;

use super::*;

#[test]
fn pages_and_the_health_path() {
    let text = |folder: &str, health: &str| {
        format!(
            r#"{{ "health_path": "{health}", "ports": [ {{ "port_number": {{port}},
            "is_unencrypted": true, "www_root": "{{dir}}/{folder}" }} ] }}"#
        )
    };
    let daemon = builder(&text("www", "/up"))
        .app("echo")
        .file("www/index.html", "old")
        .file("other/index.html", "other")
        .start();
    let mut client = daemon.connect("/echo");
    assert_eq!((get(&daemon, "/").text(), get(&daemon, "/up").status), ("old".to_owned(), 200));
    std::fs::write(daemon.path().join("www/index.html"), "new").unwrap();
    assert_eq!(get(&daemon, "/").text(), "old");
    reload(&daemon);
    assert_eq!(get(&daemon, "/").text(), "new");
    change(&daemon, &text("other", "/alive"));
    assert_eq!(get(&daemon, "/").text(), "other");
    assert_eq!((get(&daemon, "/up").status, get(&daemon, "/alive").status), (404, 200));
    echoes(&mut client, "all the same");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn lines_of_less_importance_come_and_go() {
    let daemon = builder(r#"{ "log_level": "error" }"#).app("echo").start();
    let mut client = daemon.connect("/echo");
    let is_logged = |target: &str| {
        get(&daemon, target);
        daemon.log().contains("debug: request answered with")
    };
    assert!(!is_logged("/first"));
    change(&daemon, r#"{ "log_level": "debug" }"#);
    get(&daemon, "/second");
    daemon.wait_log("debug: request answered with 404");
    change(&daemon, r#"{ "log_level": "notice" }"#);
    let before = daemon.log().matches("request answered with").count();
    get(&daemon, "/third");
    echoes(&mut client, "in between");
    let log = daemon.stop_well().log;
    assert_eq!(log.matches("request answered with").count(), before, "{log}");
}

/// The test is the proxy: it names another client.
fn from(address: &str, target: &str) -> Request {
    Request::upgrade("localhost", target).header("X-Forwarded-For", address)
}

#[test]
fn proxies_and_what_an_address_may_have() {
    let daemon = builder("{}").app("witness").start();
    let address_of = |client: &mut Client| {
        client.text("address").unwrap();
        client.receive_text()
    };
    let connect = |address: &str| Client::open(daemon.address(), &from(address, "/witness"));
    let mut before = connect("192.0.2.7").unwrap();
    assert!(address_of(&mut before).starts_with("127.0.0.1:"));
    let trusting = |keys: &str| format!(r#"{{ {keys} "trusted_proxies": ["127.0.0.1"] }}"#);
    change(&daemon, &trusting(""));
    let mut client = connect("192.0.2.7").unwrap();
    assert_eq!(address_of(&mut client), "192.0.2.7:0");
    change(&daemon, &trusting(r#""max_conn_c_per_addr": 2,"#));
    let more = connect("192.0.2.7").unwrap();
    let refused = Client::refused(daemon.address(), &from("192.0.2.7", "/witness")).unwrap();
    assert_eq!(refused.status, 429, "the one before the limit counts");
    drop(connect("192.0.2.8").unwrap());
    change(&daemon, &trusting(r#""forwarded_header": "none","#));
    assert!(address_of(&mut connect("192.0.2.7").unwrap()).starts_with("127.0.0.1:"));
    assert_eq!(address_of(&mut client), "192.0.2.7:0");
    [before, client, more].into_iter().for_each(Client::close_cleanly);
    daemon.stop_well();
}

#[test]
fn a_port_comes_to_be_for_proxies_only() {
    let text = |proxy_protocol: bool| {
        format!(
            r#"{{ "trusted_proxies": ["127.0.0.1"], "ports": [ {{ "port_number": {{port}},
            "is_unencrypted": true, "proxy_protocol": {proxy_protocol} }} ] }}"#
        )
    };
    let daemon = builder(&text(false)).app("echo").start();
    let mut plain = daemon.connect("/echo");
    let mut waiting = Client::tcp(daemon.address()).unwrap();
    // It must have been accepted by now, as one on which no header of a proxy comes.
    echoes(&mut plain, "first");
    change(&daemon, &text(true));
    let request = Request::upgrade("localhost", "/echo");
    waiting.send_raw(&request.to_bytes()).unwrap();
    waiting.response(true).unwrap().check_switching(&request).unwrap();
    echoes(&mut waiting, "as it was accepted");
    let (mut stranger, _) = {
        let mut client = Client::tcp(daemon.address()).unwrap();
        client.send_raw(&request.to_bytes()).unwrap();
        client.into_stream()
    };
    assert!(matches!(stranger.read(&mut [0; 100]), Ok(0) | Err(_)), "dropped");
    let mut proxied = Client::tcp(daemon.address()).unwrap();
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 80\r\n";
    proxied.send_raw(&[header, &request.to_bytes()[..]].concat()).unwrap();
    proxied.response(true).unwrap().check_switching(&request).unwrap();
    echoes(&mut proxied, "proxied");
    echoes(&mut plain, "plain");
    [plain, proxied, waiting].into_iter().for_each(Client::close_cleanly);
    daemon.stop_well();
}

#[test]
fn what_only_a_start_can_set_is_named_and_the_rest_changes() {
    let text = |keys: &str| format!(r#"{{ "worker_c": 1, {keys} }}"#);
    let daemon = builder(&text("")).app("echo").start();
    let mut client = daemon.connect("/echo");
    let others = r#""worker_c": 3, "inbound_ring_buf_size": 65536, "outbound_ring_buf_size": 65536,
        "epoll_buf_elem_c": 7, "outbound_block_budget": 33554432, "health_path": "/up""#;
    change(&daemon, &format!("{{ {others} }}"));
    for words in [
        "`worker_c` (3) stays 1 until the service is restarted",
        "`inbound_ring_buf_size` (65536) stays 1048576 until",
        "`outbound_ring_buf_size` (65536) stays 1048576 until",
        "`epoll_buf_elem_c` (7) stays 100 until",
        "`outbound_block_budget` stays what it was for the apps that run already",
    ] {
        daemon.wait_log(words);
    }
    assert_eq!(get(&daemon, "/up").status, 200);
    echoes(&mut client, "as before");
    client.close_cleanly();
    daemon.stop_well();
}
