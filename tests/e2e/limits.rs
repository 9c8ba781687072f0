//! Limits of what one client may send: frames, their number, messages and bytes per second.

use ringsocket_tests::client::Message;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};

fn echo(keys: &str) -> Daemon {
    let config = format!(r#"{{ "worker_c": 1, "log_level": "info", {keys} }}"#);
    Builder::new().app("echo").config(&config).start()
}

#[test]
fn rfc6455_10_4_frames_over_their_limits_are_1009() {
    let daemon = echo(r#""max_ws_frame_size": 1000, "max_ws_fragment_c": 3"#);
    let mut client = daemon.connect("/echo");
    let part = Frame::new(opcode::BINARY, &[1; 1000]).unfinished();
    let next = Frame::new(opcode::CONTINUATION, &[1; 1000]);
    let ping = Frame::new(opcode::PING, b"");
    for frame in [&part, &ping, &next.clone().unfinished(), &ping, &next] {
        client.send(frame).unwrap();
    }
    for want in [Message::Pong(Vec::new()), Message::Pong(Vec::new())] {
        assert_eq!(client.receive().unwrap(), want);
    }
    client.expect_binary(&[1; 3000]);
    let mut large = daemon.connect("/echo");
    large.binary(&[1; 1001]).unwrap();
    assert_eq!(large.expect_close(1009), "a frame is larger than the limit");
    for frame in [&part, &next.clone().unfinished(), &next.clone().unfinished(), &next] {
        client.send(frame).unwrap();
    }
    assert_eq!(client.expect_close(1009), "a message has more frames than the limit");
    daemon.stop_well();
}
