//! Apps, in each language, that look at the TLS connections of their clients.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::handshake::Request;

#[test]
fn without_tls_there_is_no_version_no_name_and_no_certificate() {
    for language in ["Rust", "C", "C++"] {
        let builder = match language {
            "Rust" => Builder::new().app("warden"),
            "C" => Builder::new().c_app("tests/apps/warden.c", &[], "warden"),
            _ => Builder::new().cpp_app("tests/apps/cpp-warden.cpp", &[], "warden"),
        };
        let daemon = builder.start();
        let mut client = daemon.connect("/warden");
        client.expect_text("plain");
        client.close_cleanly();

        let mut stranger = Client::tcp(daemon.address()).unwrap();
        let request = Request::upgrade("localhost", "/warden?DNS:localhost");
        stranger.send_raw(&request.to_bytes()).unwrap();
        let response = stranger.response(true).unwrap();
        assert_eq!((response.status, response.text().as_str()), (403, "plain"), "{language}");
        daemon.stop_well();
    }
}
