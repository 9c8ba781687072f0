//! A test app that decides about upgrades in every way there is. The query says how:
//!
//! | query | what happens |
//! | --- | --- |
//! | none | accepted, with the server's subprotocol and the cookie `name` as the client's value |
//! | `protocol=NAME` | accepted with this subprotocol |
//! | `refuse=STATUS` | refused, with header fields and a body |
//! | `wait` | decided by a client that says `accept` or `refuse` |
//! | `never` | never decided |
//! | `panic` | panics |
//! | `bad` | accepted with a field that is the server's own |
//!
//! Clients may say `accept` and `refuse` (all who wait; answered with the results), `who` (answered
//! with their value), `rename NAME`, `counts` (of values made and given back, and callbacks), `panic`,
//! `leave`. Anything else comes back.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringsocket_app::{
    Accept, App, ClientId, Close, Context, Decision, Message, Refusal, Upgrade, UpgradeHook,
};

static MADE: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// A value that counts itself.
struct Name(String);

impl Name {
    fn new(name: &str) -> Self {
        MADE.fetch_add(1, Ordering::Relaxed);
        Self(name.to_owned())
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Gate {
    waiting: Vec<ClientId>,
    opened: usize,
    closed: usize,
}

impl App for Gate {
    const SUBPROTOCOLS: &'static [&'static str] = &["gate.v1"];
    const UPGRADE: Option<UpgradeHook<Self>> = Some(Self::decide);

    fn init(_cx: &mut Context<'_>) -> Result<Self, Box<dyn Error>> {
        Ok(Self::default())
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        self.opened += 1;
        let request = cx.request().expect("a request in open");
        let name = cx.attached(client).map_or("nobody", |Name(name)| name);
        let subprotocol = request.subprotocol();
        cx.to(client).text(format!("welcome {name} {} {subprotocol:?}", request.query()));
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        let Message::Text(text) = message else { return cx.to(client).send(message) };
        match text.split_once(' ').unwrap_or((text, "")) {
            ("accept", _) => {
                for waiting in std::mem::take(&mut self.waiting) {
                    let result = cx.accept(waiting, Accept::new().attach(Name::new("late")));
                    cx.to(client).text(format!("{result:?}"));
                }
            }
            ("refuse", _) => {
                for waiting in std::mem::take(&mut self.waiting) {
                    let result = cx.refuse(waiting, &Refusal::new(401));
                    cx.to(client).text(format!("{result:?}"));
                }
            }
            ("who", _) => {
                let name = cx.attached(client).map_or("nobody", |Name(name)| name);
                cx.to(client).text(name);
            }
            ("rename", name) => cx.attach(client, Name::new(name)).expect("an open client"),
            ("waiting", _) => cx.to(client).text(self.waiting.len().to_string()),
            ("counts", _) => {
                let (made, dropped) = (&MADE, &DROPPED);
                let text = format!("{made:?} {dropped:?} {} {}", self.opened, self.closed);
                cx.to(client).text(&text);
            }
            ("panic", _) => panic!("asked to panic in read"),
            ("leave", _) => cx.close(client, 4000, ""),
            _ => cx.to(client).text(text),
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, _close: Close<'_>) {
        self.closed += 1;
        let name = cx.attached(client).map_or("nobody", |Name(name)| name);
        ringsocket_app::notice!(cx, "{name} has left");
    }
}

impl Gate {
    fn decide(
        &mut self,
        cx: &mut Context<'_>,
        client: ClientId,
        upgrade: &Upgrade<'_>,
    ) -> Decision {
        let request = upgrade.request();
        let is_told = upgrade.method() == "GET" && upgrade.address() == cx.address(client);
        assert!(is_told && cx.request().is_some(), "{upgrade:?}");
        let query = request.query();
        match query.split_once('=').unwrap_or((query, "")) {
            ("protocol", name) => Accept::new().subprotocol(name).into(),
            ("refuse", status) => {
                let offered: Vec<_> = upgrade.offered().collect();
                Refusal::new(status.parse().unwrap_or_default())
                    .header("WWW-Authenticate", "Bearer")
                    .header("Location", "https://example.com/")
                    .text(&format!("not you, who offer {offered:?}\n"))
                    .into()
            }
            ("wait", _) => {
                self.waiting.push(client);
                Decision::Later
            }
            ("never", _) => Decision::Later,
            ("panic", _) => panic!("asked to panic in upgrade"),
            ("bad", _) => Accept::new().header("Connection", "close").into(),
            _ => {
                let name = Name::new(request.cookie("name").unwrap_or("nobody"));
                Accept::new().header("Set-Cookie", "seen=1; HttpOnly").attach(name).into()
            }
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // The server's log is not to be had here; standard error goes to the same place, in one piece.
        let line = format!("gate: values {MADE:?} made, {DROPPED:?} given back\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

ringsocket_app::export!(Gate);
