//! Sessions that are resumed by tickets: over workers and reloads, and never past the client
//! certificate that a port demands.

use ringsocket_tests::sys;
use ringsocket_tests::tls::Stream;

use super::*;

/// Connects, has something echoed (a client of TLS 1.3 gets its tickets with that), and tells whether
/// the session was resumed.
#[track_caller]
fn visit(connector: &Connector, address: SocketAddr) -> bool {
    let mut client = connector.web_socket(address, "/echo").unwrap();
    let is_resumed = client.tls().is_resumed();
    is_echoed(client, "hello again");
    is_resumed
}

#[test]
fn tickets_are_good_at_every_worker_and_over_reloads() {
    for keys in ["", RUSTLS] {
        let authority = Authority::new("root");
        let config = format!(
            r#"{{ {keys} "worker_c": 2, "certs": [ {} ] }}"#,
            entry("site", &["localhost"])
        );
        let mut builder = Builder::new().app("echo").reloadable();
        // Of one port, so that the kernel spreads connections over the workers by hash: that all of
        // so many come to one does not happen.
        let first = sys::listen_shared(0).unwrap();
        let second = sys::listen_shared(first.local_addr().unwrap().port()).unwrap();
        builder = builder.socket("wss", first).socket("wss", second);
        let builder = builder.certificate("site", &authority.server(&["localhost"]));
        let daemon = builder.config(&config).start();
        for version in versions() {
            let connector = Offer::new(&authority).version(version).to("localhost");
            assert!(!visit(&connector, daemon.address()));
            for round in 0..40 {
                assert!(visit(&connector, daemon.address()), "{version:?}, round {round}");
            }
            daemon.reload();
            daemon.replace_certificate("site", &authority.server(&["localhost"]));
            daemon.reload();
            for round in 0..10 {
                assert!(visit(&connector, daemon.address()), "{version:?}, {round} after reloads");
            }
        }
        daemon.stop_well();
    }
}

#[test]
fn a_ticket_is_good_for_the_name_that_it_was_given_for() {
    let authority = Authority::new("root");
    let certificate = authority.server(&["one.test", "two.test"]);
    let config = format!(r#"{{ "certs": [ {} ] }}"#, entry("site", &["one.test", "two.test"]));
    let daemon = builder().certificate("site", &certificate).config(&config).start();
    let connector = Offer::new(&authority).to("one.test");
    assert!(!visit(&connector, daemon.address()));
    assert!(visit(&connector, daemon.address()));
    // This client keeps tickets of another name apart, as all should.
    assert!(!visit(&connector.to("two.test"), daemon.address()));
    daemon.stop_well();
}

#[test]
fn a_daemon_that_was_started_anew_takes_no_old_tickets_but_all_clients() {
    let authority = Authority::new("root");
    let certificate = authority.server(&["localhost"]);
    let connector = Offer::new(&authority).to("localhost");
    for _ in 0..2 {
        let config = format!(r#"{{ "certs": [ {} ] }}"#, entry("site", &["localhost"]));
        let daemon = builder().certificate("site", &certificate).config(&config).start();
        assert!(!visit(&connector, daemon.address()));
        assert!(visit(&connector, daemon.address()));
        daemon.stop_well();
    }
}

#[test]
fn no_data_is_taken_early() {
    let house = House::start("");
    let connector = house.connector();
    assert!(!visit(&connector, house.address()));
    let stream: Stream = connector.connect(house.address()).unwrap();
    assert!(stream.is_resumed() && !stream.tls().is_early_data_accepted());
    drop(stream);
    house.daemon.stop_well();
}
