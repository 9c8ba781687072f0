//! Apps in C that decide about upgrades.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::handshake::Request;

fn request(query: &str) -> Request {
    Request::upgrade("localhost", &format!("/gate{query}"))
}

#[test]
fn an_app_made_with_rs_app_accepts_refuses_and_keeps_a_value() {
    let daemon = Builder::new().c_app("tests/apps/gate.c", &[], "gate").start();
    let ann = request("").header("Cookie", "surname=x; name=Ann");
    let ann = ann.header("Sec-WebSocket-Protocol", "first, second");
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(&ann.to_bytes()).unwrap();
    let response = client.response(true).unwrap();
    assert_eq!(response.status, 101);
    response.check_switching(&ann).unwrap();
    assert_eq!(response.value("X-Gate"), Some("open"));
    assert_eq!(response.value("Sec-WebSocket-Protocol"), Some("second"));
    client.text("").unwrap();
    client.expect_text("Ann0");
    client.close_cleanly();

    let refused = |query| Client::refused(daemon.address(), &request(query)).unwrap();
    assert_eq!((refused("?status").status, refused("?status").text().as_str()), (403, ""));
    assert_eq!(refused("?no-refusal").status, 500, "and at once");
    daemon.wait_log_line(&["app=gate", "RS_UPGRADE(): a status that refuses nothing"]);
    assert_eq!(
        (refused("?text").status, refused("?text").text().as_str()),
        (429, "too many of you\n")
    );

    let mut late = Client::tcp(daemon.address()).unwrap();
    late.send_raw(&request("?wait").to_bytes()).unwrap();
    let mut judge = daemon.connect("/gate");
    judge.text("").unwrap();
    judge.expect_text("nobody1");
    assert_eq!(late.response(true).unwrap().status, 101);
    late.text("").unwrap();
    late.expect_text("nobody1");

    assert_eq!(refused("?misuse").status, 503);
    daemon
        .wait_log_line(&["app=gate", "rs_to_cur() must not be called from an RS_UPGRADE callback"]);
    drop((late, judge));
    daemon.stop_well();
}
