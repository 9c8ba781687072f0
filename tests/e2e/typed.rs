//! Typed messages in Rust, through a real daemon: answers, and the close of each mismatch.

use ringsocket_tests::daemon::Builder;

#[test]
fn requests_are_decoded_and_answered() {
    let daemon = Builder::new().app("requests").start();
    let mut client = daemon.connect("/requests");
    client.binary(&[7, 0x01, 0x00]).unwrap();
    client.expect_binary(&[0, 0, 2, 0]);
    client.binary(&[4, 9, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).unwrap();
    client.expect_text("Samples { rate: 9, samples: [1, -1] }");
    client.text("shello").unwrap();
    client.expect_text("Say { line: \"hello\" }");
    client.text("e!").unwrap();
    client.expect_text("Either { rest: [33] }");
    client.binary(b"e!").unwrap();
    client.expect_text("Either { rest: [33] }");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn each_mismatch_closes_its_sender_alone_with_its_code_and_a_reason() {
    let daemon = Builder::new().app("requests").start();
    let mut other = daemon.connect("/requests");
    let cases: [(bool, &[u8], u16, &str); 7] = [
        (false, b"", 4900, "Request takes 1 byte or more, not 0"),
        (false, &[0, 0], 4900, "Nothing takes 1 byte, not 2"),
        (false, &[4, 9, 0, 0, 0, 1, 0], 4900, "Samples takes 10 to 18 bytes in steps of 4, not 7"),
        (true, b"\0", 4901, "Nothing must be binary, not text"),
        (false, b"shi", 4901, "Say must be text, not binary"),
        (true, b"zebra", 4902, "Request has no case 122"),
        (false, &[5, 0xff], 1007, "Name has a field whose value makes no sense"),
    ];
    for (is_text, bytes, code, reason) in cases {
        let mut client = daemon.connect("/requests");
        match is_text {
            true => client.text(std::str::from_utf8(bytes).unwrap()).unwrap(),
            false => client.binary(bytes).unwrap(),
        }
        assert_eq!(client.expect_close(code), reason);
    }
    other.binary(&[0]).unwrap();
    other.expect_text("Nothing");
    other.close_cleanly();
    daemon.stop_well();
}
