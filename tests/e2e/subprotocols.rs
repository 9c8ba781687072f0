//! Subprotocols (RFC 6455 section 1.9): apps say what they speak, the client's order decides, and
//! both are told what was agreed on.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;

const ODD: &str = "tests/apps/odd.c";

/// What a client that offers this is told in the 101, and a client on its connection.
fn agreed(daemon: &Daemon, path: &str, offer: Option<&str>) -> (Option<String>, Client) {
    let mut request = Request::upgrade("localhost", path);
    if let Some(offer) = offer {
        request = request.header("Sec-WebSocket-Protocol", offer);
    }
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(&request.to_bytes()).unwrap();
    let response = client.response(true).unwrap();
    assert_eq!(response.status, 101, "{}", response.text());
    response.check_switching(&request).unwrap();
    (response.value("Sec-WebSocket-Protocol").map(str::to_owned), client)
}

#[test]
fn an_app_in_rust_and_its_client_agree() {
    let daemon = Builder::new().app("faulty").start();
    for (offer, choice) in [
        (Some("faulty.v2, faulty.v1"), Some("faulty.v2")),
        (Some("other, faulty.v1, faulty.v2"), Some("faulty.v1")),
        (Some("other"), None),
        (None, None),
    ] {
        let (named, mut client) = agreed(&daemon, "/faulty", offer);
        assert_eq!(named.as_deref(), choice);
        client.text("request").unwrap();
        let seen = format!("subprotocol={choice:?} ");
        assert!(client.receive_text().contains(&seen), "{seen}");
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn an_app_in_c_and_its_client_agree() {
    let daemon = Builder::new().c_app(ODD, &["ODD_SUBPROTOCOL=\"odd.v1\""], "odd").start();
    for (offer, choice) in [("x, odd.v1", Some("odd.v1")), ("x", None)] {
        let (named, mut client) = agreed(&daemon, "/odd", Some(offer));
        assert_eq!(named.as_deref(), choice);
        client.expect_text(choice.unwrap_or_default());
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn an_app_that_speaks_none_lets_in_who_offers_some() {
    let daemon = Builder::new().app("echo").start();
    let (named, mut client) = agreed(&daemon, "/echo", Some("chat, superchat"));
    assert_eq!(named, None);
    client.text("in").unwrap();
    client.expect_text("in");
    client.close_cleanly();
    daemon.stop_well();
}

/// What stands where a longer table would have its subprotocols is none of our business.
#[test]
fn an_app_of_the_first_release_speaks_none() {
    let defines = ["ODD_SIZE=64", "ODD_SUBPROTOCOL=\"odd.v1\"", "ODD_SUBPROTOCOL_C=1000000"];
    let daemon = Builder::new().c_app(ODD, &defines, "odd").start();
    let (named, mut client) = agreed(&daemon, "/odd", Some("odd.v1"));
    assert_eq!(named, None);
    client.expect_text("");
    client.text("loaded").unwrap();
    client.expect_text("loaded");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn an_app_with_a_longer_table_than_ours_is_loaded() {
    // The daemon must not read beyond what it knows, and there is nothing.
    let defines = ["ODD_SIZE=4096", "ODD_SUBPROTOCOL=\"odd.v1\""];
    let daemon = Builder::new().c_app(ODD, &defines, "odd").start();
    let (named, client) = agreed(&daemon, "/odd", Some("odd.v1"));
    assert_eq!(named.as_deref(), Some("odd.v1"));
    drop(client);
    daemon.stop_well();
}

#[test]
fn an_app_with_bad_names_is_not_loaded() {
    let cases: [(&[&str], &str); 3] = [
        (&["ODD_SUBPROTOCOL=\"not a token\""], "\"not a token\" is no token"),
        (&["ODD_SUBPROTOCOL=\"\""], "\"\" is no token"),
        (&["ODD_SUBPROTOCOL=\"a\"", "ODD_SUBPROTOCOL_C=17"], "it names 17 of them"),
    ];
    for (defines, why) in cases {
        let daemon = Builder::new().app("echo").c_app(ODD, defines, "odd").start();
        daemon.wait_log_line(&["app=odd", "odd.so", "subprotocols", why]);
        let request = Request::upgrade("localhost", "/odd");
        assert_eq!(Client::refused(daemon.address(), &request).unwrap().status, 404);
        daemon.stop_well();
    }
}

#[test]
fn an_offer_that_is_no_list_of_tokens_is_400() {
    let daemon = Builder::new().app("faulty").start();
    for offer in ["", "faulty.v1 faulty.v2", "faulty.v1; q=1"] {
        let request = Request::upgrade("a", "/faulty").header("Sec-WebSocket-Protocol", offer);
        let response = Client::refused(daemon.address(), &request).unwrap();
        assert_eq!(response.status, 400, "{offer:?}");
    }
    daemon.stop_well();
}
