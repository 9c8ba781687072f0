//! Restarts that clients live through: the daemon is told of the restart, ends, and is started again with
//! what it has left; clients of every kind go on as if nothing had been.
//! Not for: systemd's part in it (`tests/nspawn`), or what is in the store that nobody has left
//! (`handover`).

mod apps;
mod clients;
mod kills;
mod leaving;
mod newcomers;
mod reloads;
mod talk;
mod waits;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};

use ringsocket_tests::certificates::Authority;
use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::process;
use ringsocket_tests::sys;
use ringsocket_tests::tls::{Offer, TLS12, TLS13};
use rustls::SupportedProtocolVersion;

/// A restartable daemon on a plain port (the first) and a TLS port, with some apps.
struct House {
    authority: Authority,
    daemon: Daemon,
}

/// How a client comes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Tls(&'static SupportedProtocolVersion),
}

const KINDS: [Kind; 3] = [Kind::Plain, Kind::Tls(&TLS12), Kind::Tls(&TLS13)];

impl House {
    /// With these keys in the configuration, each with a comma after it.
    fn start(keys: &str) -> Self {
        let plain = TcpListener::bind("127.0.0.1:0").unwrap();
        let builder = Builder::new().socket("ws", plain).secure_sockets(1).reloadable();
        let builder = ["echo", "faulty", "keeper", "witness", "topics"]
            .into_iter()
            .fold(builder.restartable(), Builder::app);
        let authority = Authority::new("root");
        let builder = builder.certificate("site", &authority.server(&["localhost", "127.0.0.1"]));
        let config = format!(
            r#"{{ {keys} "log_level": "info", "certs": [ {{
                "hostnames": [ "localhost", "127.0.0.1" ],
                "privkey_path": "{{dir}}/certs/site.key",
                "pubchain_path": "{{dir}}/certs/site.pem" }} ] }}"#
        );
        Self { authority, daemon: builder.config(&config).start() }
    }

    fn offer(&self) -> Offer {
        Offer::new(&self.authority)
    }

    fn secure_address(&self) -> SocketAddr {
        self.daemon.addresses()[1]
    }

    #[track_caller]
    fn connect(&self, kind: Kind, target: &str) -> Client {
        match kind {
            Kind::Plain => self.daemon.connect(target),
            Kind::Tls(version) => {
                let connector = self.offer().version(version).to("localhost");
                connector.web_socket(self.secure_address(), target).expect("a client over TLS")
            }
        }
    }

    /// A client of each kind.
    #[track_caller]
    fn connect_all(&self, target: &str) -> Vec<Client> {
        KINDS.into_iter().map(|kind| self.connect(kind, target)).collect()
    }

    /// Restarts, and holds that so many connections were left and taken up, and none lost.
    #[track_caller]
    fn restart(&mut self, connection_c: usize) {
        restart(&mut self.daemon, connection_c);
    }
}

/// The same of a daemon by itself.
#[track_caller]
fn restart(daemon: &mut Daemon, connection_c: usize) {
    let ended = daemon.restart();
    let plural = if connection_c == 1 { "" } else { "s" };
    let said = format!("{connection_c} connection{plural}");
    let left = format!("{said} left to the next process");
    assert!(ended.log.contains(&left), "wanted {left:?}; log:\n{}", ended.log);
    daemon.wait_log(&format!("took up {said} of the process before"));
    assert!(!daemon.log().contains("could not be taken up"), "{}", daemon.log());
    assert!(daemon.stored().is_empty(), "{:?}", daemon.stored());
}

/// So many clients from each CPU, so that however the kernel spreads them, by CPU or by a hash, each
/// worker gets some of 40 or more.
fn spread(address: SocketAddr, target: &str, count: usize) -> Vec<Client> {
    let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    let cpus = process::cpus(std::process::id(), name.trim_end()).unwrap().remove(0);
    let connect = |cpu| {
        sys::run_on_cpu(cpu).unwrap();
        (0..count).map(|_| Client::connect(address, target).unwrap()).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            cpus.into_iter().map(|cpu| scope.spawn(move || connect(cpu))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[track_caller]
fn ask(client: &mut Client, what: &str) -> String {
    client.text(what).unwrap();
    client.receive_text()
}

#[track_caller]
fn is_served(client: &mut Client, text: &str) {
    assert_eq!(ask(client, text), text);
}

/// Sends the first bytes of what is on its way, in TLS those of its record; gives the rest, for
/// [`send_rest`].
fn send_some(client: &mut Client, kind: Kind, bytes: &[u8], count: usize) -> Vec<u8> {
    let wire = match kind {
        Kind::Plain => bytes.to_vec(),
        Kind::Tls(_) => client.tls().seal(bytes).unwrap(),
    };
    assert!(count < wire.len());
    client.stream().write_all(&wire[..count]).unwrap();
    wire[count..].to_vec()
}

/// Sends bytes that are on their way already.
fn send_rest(client: &Client, rest: &[u8]) {
    client.stream().write_all(rest).unwrap();
}
