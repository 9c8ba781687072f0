//! Clients that mean harm, by what they do. Whatever it is, a good client beside them is served
//! meanwhile and afterwards, every connection is given back, apps hear of each client's end once, and
//! the log names no error. What single rules cost who breaks them is tested in `closing` and
//! `handshake`, what slow peers may hold in `bounds` and `review`; 10,000 silent ones are in `load`.

mod floods;
mod frames;
mod half_open;
mod heads;
mod readers;
mod resets;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::process;

const MIB: u64 = 1 << 20;

/// Longest time in which anything that a test waits for has to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon under attack, and a good client that was there before.
struct Target {
    daemon: Daemon,
    good: Client,
    /// Descriptors that the daemon has open without any connection.
    descriptors: usize,
    /// Resident memory before the attack, in bytes.
    resident: u64,
}

impl Target {
    /// With the apps `echo`, `faulty` and `witness`, these keys in the configuration, and one
    /// worker, so that good and bad clients are always in the same loop.
    fn start(keys: &str) -> Self {
        let names = ["echo", "faulty", "witness"];
        let app = |name: &str| {
            format!(
                r#"{{ "name": "{name}", "app_path": "{{apps}}/{name}.so",
                      "endpoints": [ {{ "endpoint_id": 1, "url": "/{name}" }} ] }}"#
            )
        };
        let apps = names.map(app).join(", ");
        let config =
            format!(r#"{{ "worker_c": 1, "log_level": "debug", {keys} "apps": [ {apps} ] }}"#);
        let builder = names.into_iter().fold(Builder::new(), Builder::app);
        let daemon = builder.config(&config).start();
        // Once, so that whatever is opened only when it is needed is open.
        daemon.connect("/echo").close_cleanly();
        let descriptors = process::descriptors(daemon.pid()).unwrap();
        let mut good = daemon.connect("/echo");
        good.set_patience(Duration::from_secs(5));
        let resident = process::resident(daemon.pid()).unwrap();
        Self { daemon, good, descriptors, resident }
    }

    /// A connection without a handshake.
    fn tcp(&self) -> Client {
        Client::tcp(self.daemon.address()).expect("a TCP connection")
    }

    /// A client of the witness, under a name of its own.
    fn witnessed(&self, name: &str) -> Client {
        self.daemon.connect(&format!("/witness?{name}"))
    }

    /// The good client is served.
    #[track_caller]
    fn serves(&mut self) {
        self.good.text("beside").expect("sending beside the others");
        self.good.expect_text("beside");
    }

    /// How much more memory than before the attack has ever been resident, in bytes.
    fn grown(&self) -> u64 {
        let peak = process::resident_peak(self.daemon.pid()).unwrap();
        peak.saturating_sub(self.resident)
    }

    /// Waits until no connection is left but `count`, the good client's among them.
    #[track_caller]
    fn wait_connections(&mut self, count: usize) {
        let start = Instant::now();
        loop {
            self.serves();
            let open = process::descriptors(self.daemon.pid()).unwrap();
            if open <= self.descriptors + count {
                return;
            }
            let more = open - self.descriptors - count;
            assert!(start.elapsed() < PATIENCE, "{more} connections are left");
        }
    }

    /// Waits until the witness has heard of the end of everybody who came, which must be once and
    /// after it has heard of the beginning. Gives the codes by name.
    #[track_caller]
    fn wait_everybody_left(&mut self) -> HashMap<String, u16> {
        let mut reporter = self.witnessed("reporter");
        let start = Instant::now();
        loop {
            self.serves();
            reporter.text("report").unwrap();
            let report = reporter.receive_text();
            let (inside, codes) = roll(&report);
            if inside == ["reporter"] {
                reporter.close_cleanly();
                return codes;
            }
            assert!(start.elapsed() < PATIENCE, "still there: {inside:?}");
        }
    }

    /// The attack is over: old and new clients are served, nothing has leaked, and the log, which
    /// is returned, names no error.
    #[track_caller]
    fn survived(mut self) -> String {
        self.wait_connections(1);
        let mut late = self.daemon.connect("/echo");
        late.text("late").unwrap();
        late.expect_text("late");
        late.close_cleanly();
        self.good.close_cleanly();
        let log = self.daemon.stop_well().log;
        let is_bad = |line: &&str| line.starts_with("error:") || line.contains("panick");
        let bad: Vec<&str> = log.lines().filter(is_bad).collect();
        assert!(bad.is_empty(), "{bad:#?}");
        log
    }
}

/// Who is inside, and with which code each of the others has left, from the witness's report.
#[track_caller]
fn roll(report: &str) -> (Vec<&str>, HashMap<String, u16>) {
    let (mut inside, mut codes) = (Vec::new(), HashMap::new());
    for line in report.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["open", name] => {
                assert!(!inside.contains(&name) && !codes.contains_key(name), "{name} came twice");
                inside.push(name);
            }
            ["close", name, code, ..] => {
                let at = inside.iter().position(|inside| *inside == name);
                inside.remove(at.unwrap_or_else(|| panic!("{name} was not there: {line}")));
                codes.insert(name.to_owned(), code.parse().expect("a close code"));
            }
            ["read", name, ..] => assert!(inside.contains(&name), "{line}: it is not there"),
            _ => panic!("the witness says {line:?}"),
        }
    }
    (inside, codes)
}

/// Reads up to the Close frame, whatever comes before it, and gives its code.
#[track_caller]
fn close_code(client: &mut Client) -> u16 {
    loop {
        match client.receive().expect("a Close frame before the end") {
            Message::Close(code, _) => return code,
            Message::End => panic!("the end without a Close frame"),
            _ => {}
        }
    }
}
