//! The direct way: workers call apps themselves while the apps' threads sleep. With "threads": "any"
//! they do so from the first message on. Here: messages arrive whole, once and in order, on whichever
//! way they go.

mod floods;
mod pace;
mod threads;

use std::thread;
use std::time::Duration;

use ringsocket_tests::client::{Client, Message, PATIENCE};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::deflate::Deflate;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::soak::echo::Echo;
use ringsocket_tests::soak::{self, Content};

/// Enough for all that a test has under way: nobody is closed for reading slowly.
const AMPLE: &str = r#""max_backpressure": 268435456,"#;

/// A daemon with these apps, all with this word for `threads`, so many workers with a socket each of
/// one port, and more keys.
fn start(apps: &[&str], threads: &str, worker_c: usize, keys: &str) -> Daemon {
    let listed: Vec<_> = apps
        .iter()
        .map(|app| format!(r#"{{ "name": "{app}", "threads": "{threads}" }}"#))
        .collect();
    let config = format!(
        r#"{{ {keys} "log_level": "info", "worker_c": {worker_c}, "apps": [{}] }}"#,
        listed.join(", ")
    );
    let builder = Builder::new().sockets_of_one_port(worker_c).config(&config);
    let install = |builder: Builder, app: &&str| match *app {
        "other" => builder.app_as("faulty", "other"),
        app => builder.app(app),
    };
    apps.iter().fold(builder, install).start()
}

/// The name of the thread on which the app has answered.
#[track_caller]
fn thread_of(client: &mut Client) -> String {
    client.text("thread").unwrap();
    client.receive_text()
}

/// The worker that has called the app for a client's question; `None` if the app's own thread has
/// answered. That may then be on its way to sleep still, and on a busy machine for ever, if this client
/// asks again at once: so it waits a little.
#[track_caller]
fn directly(client: &mut Client) -> Option<usize> {
    let name = thread_of(client);
    let number = name.strip_prefix("worker ");
    if number.is_none() {
        thread::sleep(Duration::from_millis(2)); // the pace of this client
    }
    number.map(|number| number.parse().expect("the number of a worker"))
}

/// The worker of a client, which is asked until the answer has come the direct way.
#[track_caller]
fn worker_of(client: &mut Client) -> usize {
    let worker = (0..1000).find_map(|_| directly(client));
    worker.expect("an answer from a worker")
}

/// A client of each worker.
#[track_caller]
fn one_of_each(daemon: &Daemon, target: &str, worker_c: usize) -> Vec<Client> {
    let mut found: Vec<Option<Client>> = (0..worker_c).map(|_| None).collect();
    for _ in 0..500 {
        let mut client = daemon.connect(target);
        let worker = worker_of(&mut client);
        found[worker] = Some(client);
        if found.iter().all(Option::is_some) {
            return found.into_iter().flatten().collect();
        }
    }
    panic!("500 connections have not reached every worker");
}

/// What the app is asked must go the direct way again and again.
#[track_caller]
fn assert_direct(client: &mut Client) {
    for _ in 0..25 {
        worker_of(client);
    }
}

/// Writes while the caller reads.
fn write_aside(client: &Client, bytes: Vec<u8>) -> thread::JoinHandle<()> {
    let mut stream = client.stream().try_clone().expect("a second handle");
    thread::spawn(move || std::io::Write::write_all(&mut stream, &bytes).expect("writing"))
}

#[test]
fn messages_of_every_size_come_back_in_order() {
    for worker_c in [1, 2, 4] {
        let daemon = start(&["faulty"], "any", worker_c, "");
        for (largest, messages, window) in [(300, 400, 16), (65_536, 60, 4), (1 << 20, 8, 3)] {
            let mut traffic = Echo::new(Content::new(7, largest), 12, messages, window);
            let mut mux = soak::connect(daemon.address(), "/faulty", 12).unwrap();
            mux.run(&mut traffic, PATIENCE).unwrap();
            assert_eq!(traffic.returned(), 12 * u64::from(messages));
        }
        assert_direct(&mut daemon.connect("/faulty"));
        daemon.stop_well();
    }
}

/// Text `number` of a client, which is no command.
fn words(client: usize, number: usize) -> String {
    let size = [0, 3, 100, 127, 1000, 16_384, 70_000][number % 7];
    format!("{client}: {number} {}", "lorem ipsum ".repeat(size / 12))
}

#[test]
fn compressed_and_plain_texts_come_back_in_order() {
    for (worker_c, takeover) in [(1, "both"), (2, "none"), (4, "both")] {
        let keys = format!(r#"{AMPLE} "deflate_takeover": "{takeover}", "deflate_min_size": 0,"#);
        let daemon = start(&["faulty"], "any", worker_c, &keys);
        thread::scope(|scope| {
            for index in 0..6 {
                let request = Request::upgrade(&daemon.address().to_string(), "/faulty")
                    .header("Sec-WebSocket-Extensions", "permessage-deflate");
                let mut client = Client::open(daemon.address(), &request).unwrap();
                let mut ours = Deflate::new(&client.deflate().agreed).unwrap();
                let mut bytes = Vec::new();
                for number in 0..140 {
                    let text = words(index, number);
                    if number % 3 == 0 {
                        Frame::new(opcode::TEXT, text.as_bytes()).write(&mut bytes);
                    } else {
                        let payload = ours.compress(text.as_bytes());
                        Frame { rsv: 4, ..Frame::new(opcode::TEXT, &payload) }.write(&mut bytes);
                    }
                }
                scope.spawn(move || {
                    let writer = write_aside(&client, bytes);
                    (0..140).for_each(|number| client.expect_text(&words(index, number)));
                    writer.join().unwrap();
                    client.close_cleanly();
                });
            }
        });
        daemon.stop_well();
    }
}

#[test]
fn what_goes_to_all_reaches_the_clients_of_every_worker_in_the_order_of_each_sender() {
    const COUNT: usize = 150;
    for worker_c in [1, 2, 4] {
        let daemon = start(&["faulty"], "any", worker_c, AMPLE);
        let mut clients = one_of_each(&daemon, "/faulty", worker_c);
        clients.extend(one_of_each(&daemon, "/faulty", worker_c));
        // Those that were looked at and not kept may still be there, and hear it too.
        let client_c = clients.len();
        thread::scope(|scope| {
            for (index, mut client) in clients.into_iter().enumerate() {
                scope.spawn(move || {
                    let mut bytes = Vec::new();
                    for number in 0..COUNT {
                        let text = format!("others {index} {number} {}", ".".repeat(number * 9));
                        Frame::new(opcode::TEXT, text.as_bytes()).write(&mut bytes);
                    }
                    let writer = write_aside(&client, bytes);
                    let mut heard = vec![0; client_c];
                    for _ in 0..COUNT * (client_c - 1) {
                        let text = client.receive_text();
                        let mut words = text.split(' ');
                        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
                        let (sender, number) = (number(), number());
                        assert_eq!(number, heard[sender], "of {sender}, heard by {index}");
                        assert_eq!(words.next().unwrap().len(), number * 9);
                        heard[sender] += 1;
                    }
                    assert_eq!(heard[index], 0, "nobody hears itself");
                    writer.join().unwrap();
                });
            }
        });
        daemon.stop_well();
    }
}

#[test]
fn what_open_sends_comes_before_the_answers_to_messages_that_came_with_the_request() {
    let daemon = start(&["faulty"], "any", 2, AMPLE);
    let come = |target: &str| {
        let mut bytes = Request::upgrade(&daemon.address().to_string(), target).to_bytes();
        Frame::new(opcode::TEXT, b"first").write(&mut bytes);
        Frame::new(opcode::BINARY, &[7; 40_000]).write(&mut bytes);
        let mut client = Client::tcp(daemon.address()).unwrap();
        client.send_raw(&bytes).unwrap();
        assert_eq!(client.response(true).unwrap().status, 101);
        client
    };
    for round in 0..60 {
        let mut client = if round % 10 == 0 {
            let mut client = come("/faulty?flood");
            (0..3).for_each(|_| client.expect_binary(&[b'.'; 1_000_000]));
            client
        } else {
            let mut client = come("/faulty?greet");
            client.expect_text("hello");
            client
        };
        client.expect_text("first");
        client.expect_binary(&[7; 40_000]);
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn all_that_was_sent_before_a_close_arrives_and_nothing_after_it() {
    for worker_c in [1, 2] {
        let daemon = start(&["faulty"], "any", worker_c, AMPLE);
        for mut client in one_of_each(&daemon, "/faulty", worker_c) {
            let commands = ["one", "flood 40 50000", "two", "close 4321 farewell", "three"];
            let frames = commands.map(|text| Frame::new(opcode::TEXT, text.as_bytes()).to_bytes());
            let writer = write_aside(&client, frames.concat());
            client.expect_text("one");
            (0..40).for_each(|_| client.expect_binary(&[b'.'; 50_000]));
            client.expect_text("two");
            assert_eq!(client.expect_close(4321), "farewell");
            writer.join().unwrap();
            client.close(4321, "").unwrap();
            client.expect_end().unwrap();
        }
        let mut client = daemon.connect("/faulty");
        client.text("farewell 300 10000").unwrap();
        (0..300).for_each(|_| client.expect_binary(&[b'.'; 10_000]));
        assert_eq!(client.expect_close(4000), "enough of you");
        assert!(matches!(client.close(4000, "").and_then(|()| client.receive()), Ok(Message::End)));
        daemon.stop_well();
    }
}
