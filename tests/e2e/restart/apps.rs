//! Apps over restarts: those that save find their clients under the names that they had, those that do
//! not get them opened again, and subscriptions to topics live on.

use super::*;

/// A daemon with an app called keeper.
fn keeper(language: &str) -> Daemon {
    let builder = Builder::new().restartable();
    let builder = match language {
        "Rust" => builder.app("keeper"),
        _ => builder.c_app("tests/apps/keeper.c", &[], "keeper"),
    };
    builder.sockets_of_one_port(2).config(r#"{ "worker_c": 2, "log_level": "info" }"#).start()
}

/// C++ is C here: what it makes of the callbacks is in `keepers`.
const LANGUAGES: [&str; 2] = ["Rust", "C"];

#[test]
fn an_app_that_saves_knows_its_clients_by_their_names() {
    for language in LANGUAGES {
        let mut daemon = keeper(language);
        let mut clients: Vec<_> = (0..8).map(|_| daemon.connect("/keeper")).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            for _ in 0..number {
                is_served(client, "counted");
            }
        }
        for round in 0..3 {
            restart(&mut daemon, 8);
            for (number, client) in clients.iter_mut().enumerate() {
                assert_eq!(ask(client, "how"), "restored", "{language}");
                let want = (number + 2 * round + 2).to_string();
                assert_eq!(ask(client, "next"), want, "{language}, client {number}");
            }
            // Nobody gets the name of somebody who is there: keeper would panic.
            let left = clients.remove(round);
            left.close_cleanly();
            let mut new: Vec<_> = (0..8).map(|_| daemon.connect("/keeper")).collect();
            for client in &mut new {
                assert_eq!(ask(client, "how"), "opened", "{language}");
            }
            new.into_iter().for_each(Client::close_cleanly);
            let mut again = daemon.connect("/keeper");
            for _ in 0..round + 2 * (round + 1) {
                is_served(&mut again, "counted");
            }
            clients.insert(round, again);
        }
        clients.into_iter().for_each(Client::close_cleanly);
        daemon.stop_well();
    }
}

#[test]
fn what_an_app_sends_when_it_saves_arrives() {
    for language in LANGUAGES {
        let mut daemon = keeper(language);
        let mut clients = [daemon.connect("/keeper"), daemon.connect("/keeper")];
        assert_eq!(ask(&mut clients[0], "how"), "opened");
        clients[1].text("bye").unwrap();
        assert_eq!(ask(&mut clients[1], "how"), "opened");
        restart(&mut daemon, 2);
        for mut client in clients {
            client.expect_text("bye");
            assert_eq!(ask(&mut client, "how"), "restored");
            client.close_cleanly();
        }
        daemon.stop_well();
    }
}

#[test]
fn clients_of_an_app_that_saves_nothing_are_opened_again() {
    for language in LANGUAGES {
        for wish in ["save nothing", "save panic", "restore nothing"] {
            let mut daemon = keeper(language);
            let mut clients = [daemon.connect("/keeper"), daemon.connect("/keeper")];
            assert_eq!(ask(&mut clients[0], "next"), "1");
            clients[1].text(wish).unwrap();
            assert_eq!(ask(&mut clients[1], "next"), "2");
            restart(&mut daemon, 2);
            for mut client in clients {
                assert_eq!(ask(&mut client, "how"), "resumed", "{language}, {wish}");
                assert_eq!(ask(&mut client, "next"), "2", "{language}, {wish}");
                client.close_cleanly();
            }
            daemon.stop_well();
        }
    }
}

#[test]
fn an_app_without_any_of_it_gets_address_and_path_again_and_no_close() {
    let mut house = House::start("");
    let mut client = house.daemon.connect("/witness?anna");
    assert_eq!(ask(&mut client, "report"), "open anna");
    house.restart(1);
    // It has begun anew, and the query is not kept.
    assert_eq!(ask(&mut client, "report"), "open ");
    assert_eq!(ask(&mut client, "address"), client.stream().local_addr().unwrap().to_string());
    client.close_cleanly();
    house.daemon.stop_well();
}

#[test]
fn subscriptions_live_on_and_publications_reach() {
    let mut house = House::start(r#""worker_c": 2,"#);
    let mut readers = house.connect_all("/topics");
    let mut publisher = house.daemon.connect("/topics");
    for client in &mut readers {
        assert_eq!(ask(client, "sub news"), "ok");
        assert_eq!(ask(client, "sub old"), "ok");
    }
    for round in 0..3 {
        house.restart(4);
        assert_eq!(ask(&mut readers[0], "unsub old"), "ok");
        publisher.text("pub old only-some").unwrap();
        publisher.text("pub news round").unwrap();
        for (number, client) in readers.iter_mut().enumerate() {
            if number > 0 {
                client.expect_text("only-some");
            }
            client.expect_text("round");
        }
        assert_eq!(ask(&mut publisher, "unsub nothing"), "ok", "round {round}");
    }
    readers.into_iter().chain([publisher]).for_each(Client::close_cleanly);
    house.daemon.stop_well();
}
