//! Who comes while the daemon restarts, or comes again after it: nobody is turned away.

use std::time::Duration;

use super::*;
use ringsocket_tests::handshake::Request;

#[test]
fn who_connects_between_the_processes_is_served_by_the_next() {
    let mut house = House::start("");
    let mut old = house.daemon.connect("/echo");
    house.daemon.begin_restart();
    house.daemon.wait_log("1 connection left to the next process");
    let request = Request::upgrade(&house.daemon.address().to_string(), "/echo");
    let mut waiting: Vec<_> =
        (0..20).map(|_| Client::tcp(house.daemon.address()).unwrap()).collect();
    for client in &mut waiting {
        client.send_raw(&request.to_bytes()).unwrap();
    }
    let ended = house.daemon.start_again();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    for mut client in waiting {
        client.response(true).unwrap().check_switching(&request).unwrap();
        is_served(&mut client, "waited");
        client.close_cleanly();
    }
    is_served(&mut old, "stayed");
    old.close_cleanly();
    house.daemon.stop_well();
}

/// Whether a handshake whose second half comes after the restart has begun comes to its end.
fn is_handshake_finished(daemon: &mut Daemon) -> bool {
    let request = Request::upgrade(&daemon.address().to_string(), "/echo");
    let bytes = request.to_bytes();
    let mut half = Client::tcp(daemon.address()).unwrap();
    let mut mute = Client::tcp(daemon.address()).unwrap();
    half.send_raw(&bytes[..20]).unwrap();
    mute.send_raw(&bytes[..20]).unwrap();
    // There is one worker, so those before it have been accepted as well.
    let mut later = daemon.connect("/echo");
    daemon.begin_restart();
    daemon.wait_notice(|line| line == "STOPPING=1");
    // Well within the time that it has; without any, the process would be gone by then.
    std::thread::sleep(Duration::from_millis(50));
    let is_in_time = half.send_raw(&bytes[20..]).is_ok()
        && half.response(true).is_ok_and(|response| response.status == 101);
    daemon.start_again();
    daemon.wait_ready();
    assert!(mute.response(true).is_err(), "it never asked");
    is_served(&mut later, "stayed");
    later.close_cleanly();
    if is_in_time {
        is_served(&mut half, "in time");
        half.close_cleanly();
    }
    is_in_time
}

#[test]
fn a_handshake_that_is_half_done_gets_a_little_time() {
    let mut house = House::start(r#""worker_c": 1,"#);
    // On a busy machine this test can be late; but not each time.
    let is_any_in_time = (0..10).any(|_| is_handshake_finished(&mut house.daemon));
    assert!(is_any_in_time);
    house.daemon.stop_well();
}

#[test]
fn tickets_from_before_resume_sessions_after() {
    let mut house = House::start("");
    let connectors = [&TLS12, &TLS13].map(|one| house.offer().version(one).to("localhost"));
    let visit = |house: &House, connector: &ringsocket_tests::tls::Connector| {
        let mut client = connector.web_socket(house.secure_address(), "/echo").unwrap();
        let is_resumed = client.tls().is_resumed();
        is_served(&mut client, "hello"); // with which tickets come in TLS 1.3
        client.close_cleanly();
        is_resumed
    };
    for round in 0..3 {
        for connector in &connectors {
            assert_eq!(visit(&house, connector), round > 0, "round {round}");
        }
        house.daemon.restart(); // which may see to the end of the last visitor's connection
    }
    house.daemon.stop_well();
}
