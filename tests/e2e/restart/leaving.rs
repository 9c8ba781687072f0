//! Who cannot live through a restart, and how it is told: Close 1012 where another process has no place
//! for the client, 1011 where its app fails, 1001 where it was a stop after all.

use std::path::Path;

use super::*;
use ringsocket_tests::client::Message;
use ringsocket_tests::sys::Signal;

#[test]
fn a_stop_alone_closes_with_1001_and_stores_nothing() {
    let mut house = House::start("");
    let clients = house.connect_all("/echo");
    house.daemon.signal(Signal::Term);
    for client in clients {
        client.expect_closed(1001);
    }
    let ended = house.daemon.start_again();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    house.daemon.wait_ready();
    assert!(house.daemon.stored().is_empty(), "{:?}", house.daemon.stored());
    assert!(!house.daemon.log().contains("took up"), "{}", house.daemon.log());
    is_served(&mut house.daemon.connect("/echo"), "anew");
    house.daemon.stop_well();
}

#[test]
fn clients_of_a_worker_that_is_no_more_are_closed_with_1012() {
    let config = |worker_c| format!(r#"{{ "worker_c": {worker_c}, "log_level": "info" }}"#);
    let builder = Builder::new().app("echo").app("keeper").sockets_of_one_port(2);
    let mut daemon = builder.restartable().config(&config(2)).start();
    let mut clients = spread(daemon.address(), "/keeper", 40);
    clients.iter_mut().for_each(|client| is_served(client, "before"));
    let path = daemon.path().join("ringsocket.json");
    std::fs::write(path, config(1)).unwrap();
    daemon.restart();
    let (mut closed_c, mut stay_c) = (0, 0);
    for mut client in clients {
        client.text("next").unwrap();
        match client.receive().unwrap() {
            Message::Text(count) => {
                assert_eq!(count, "2");
                stay_c += 1;
                client.close_cleanly();
            }
            Message::Close(1012, _) => {
                closed_c += 1;
                client.answer_close(1012);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(closed_c > 0 && stay_c > 0, "{closed_c} closed, {stay_c} stay");
    daemon.wait_log(&format!("took up {stay_c} connection"));
    daemon.wait_log(&format!("{closed_c} connection"));
    daemon.wait_log("could not be taken up and are closed: their app or worker is no more");
    daemon.stop_well();
}

#[test]
fn clients_of_an_app_that_is_no_more_are_closed_with_1012() {
    let mut house = House::start("");
    let (goers, stayers) = (house.connect_all("/keeper"), house.connect_all("/witness"));
    std::fs::remove_file(house.daemon.path().join("apps/keeper.so")).unwrap();
    house.daemon.restart();
    for client in goers {
        client.expect_closed(1012);
    }
    // Its number is another one now, as it comes after the one that is gone.
    for mut client in stayers {
        assert_eq!(ask(&mut client, "report").lines().next(), Some("open "));
        client.close_cleanly();
    }
    house.daemon.wait_log("took up 3 connections of the process before");
    house.daemon.wait_log("3 connections could not be taken up and are closed");
    house.daemon.stop_well();
}

/// Puts an app in place of another as an upgrade does it: the old file stays what it is.
fn replace(path: &Path, source: &str, defines: &[&str]) {
    let new = path.with_extension("new");
    ringsocket_tests::apps::compile_c(&[source], defines, &new);
    std::fs::rename(new, path).unwrap();
}

/// Restarts a daemon after `before` has been done to it and its clients of the keeper. They are closed with
/// 1011; others stay.
fn restart_with_a_failing_keeper(before: impl FnOnce(&House, &mut [Client])) {
    let mut house = House::start("");
    let (mut goers, mut stayers) = (house.connect_all("/keeper"), house.connect_all("/echo"));
    before(&house, &mut goers);
    house.daemon.restart();
    for client in goers {
        client.expect_closed(1011);
    }
    stayers.iter_mut().for_each(|client| is_served(client, "stayed"));
    stayers.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn clients_of_an_app_that_fails_to_begin_are_closed_with_1011() {
    restart_with_a_failing_keeper(|house, _| {
        let path = house.daemon.path().join("apps/keeper.so");
        replace(&path, "tests/apps/odd.c", &["ODD_INIT"]);
    });
}

#[test]
fn clients_of_an_app_that_panics_in_restore_are_closed_with_1011() {
    restart_with_a_failing_keeper(|_, goers| {
        goers[0].text("restore panic").unwrap();
        goers.iter_mut().for_each(|client| is_served(client, "before"));
    });
}

/// A daemon that waits for the `init` of the keeper after a restart, and the clients of that and of others.
fn house_that_does_not_begin() -> (House, Vec<Client>, Vec<Client>) {
    let mut house = House::start(r#""stop_wait": 4,"#);
    let (goers, stayers) = (house.connect_all("/keeper"), house.connect_all("/echo"));
    let path = house.daemon.path().join("apps/keeper.so");
    replace(&path, "tests/apps/version.c", &["VERSION=one", "VERSION_INIT_HANGS=3600"]);
    house.daemon.begin_restart();
    house.daemon.start_again();
    house.daemon.wait_notice(|line| line == "STATUS=Starting: waiting for init of keeper");
    (house, goers, stayers)
}

#[test]
fn a_restart_while_an_app_does_not_begin_ends_its_clients_alone() {
    let (mut house, goers, mut stayers) = house_that_does_not_begin();
    house.daemon.begin_restart();
    let path = house.daemon.path().join("apps/keeper.so");
    replace(&path, "tests/apps/version.c", &["VERSION=two"]);
    let ended = house.daemon.start_again();
    assert!(ended.log.contains("an app did not come to an end in time"), "{}", ended.log);
    house.daemon.wait_ready();
    goers.into_iter().for_each(|client| _ = client.expect_closed(1012));
    stayers.iter_mut().for_each(|client| is_served(client, "stayed"));
    stayers.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn a_stop_while_an_app_does_not_begin_takes_leave_of_all() {
    let (mut house, goers, stayers) = house_that_does_not_begin();
    house.daemon.signal(Signal::Term);
    goers.into_iter().chain(stayers).for_each(|client| _ = client.expect_closed(1001));
    let ended = house.daemon.start_again();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
}

#[test]
fn clients_whose_records_rustls_keeps_are_closed_with_1012() {
    let mut house = House::start(r#""record_layer": "rustls", "stop_wait": 4,"#);
    let mut plain = house.daemon.connect("/echo");
    let goers: Vec<_> = KINDS[1..].iter().map(|kind| house.connect(*kind, "/echo")).collect();
    house.daemon.begin_restart();
    for client in goers {
        assert_eq!(client.expect_closed(1012), "the server is restarting");
    }
    let ended = house.daemon.start_again();
    assert!(ended.log.contains("1 connection left to the next process"), "{}", ended.log);
    is_served(&mut plain, "stayed");
    plain.close_cleanly();
    house.daemon.stop_well();
}
