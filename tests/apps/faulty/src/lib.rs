//! A test app that does on command what an app should not do, or not so often. Commands are text
//! messages of words; anything else comes back as it is.
//!
//! | command | what happens |
//! | --- | --- |
//! | `panic` | panics in `read` |
//! | `slow MS` | blocks for so many milliseconds, then answers `slept` |
//! | `flood COUNT SIZE` | sends so many binary messages of so many bytes |
//! | `close CODE REASON` | closes the sender |
//! | `farewell COUNT SIZE` | does as `flood`, then closes the sender with 4000 |
//! | `afterword CODE` | closes the sender, then sends to it, and closes it again |
//! | `timer MS` | sends `timer` when the time has come |
//! | `timer-panic` | panics in `timer` |
//! | `others TEXT` | sends the text to everybody but the sender |
//! | `flood-others COUNT SIZE` | sends so many texts of so many bytes, which end with their number, to everybody but the sender, and answers `flooded` |
//! | `thread` | answers with the name of the thread that it runs on |
//! | `pair TEXT` | sends the text to the first two clients that ever came |
//! | `request` | answers with what its `open` saw of the request |
//! | `log TEXT` | logs the text as a notice |
//!
//! Whenever its last client has gone it logs how many there were.
//!
//! The query `?panic` makes `open` panic, `?greet` makes it send `hello`, `?greet-panic` both;
//! `?flood` makes it send three binary messages of 1,000,000 bytes.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::time::Duration;

use ringsocket_app::{App, ClientId, Close, Context, InitResult, Level, Message};

#[derive(Default)]
struct Faulty {
    requests: HashMap<ClientId, String>,
    first: Vec<ClientId>,
    waits: Option<ClientId>,
    panics_in_timer: bool,
    opened: usize,
}

impl App for Faulty {
    const SUBPROTOCOLS: &'static [&'static str] = &["faulty.v1", "faulty.v2"];

    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self::default())
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        self.opened += 1;
        let request = cx.request().expect("a request in open");
        let query = request.query().to_owned();
        let text = format!(
            "path={} query={query} host={} subprotocol={:?} agent={:?}",
            request.path(),
            request.host(),
            request.subprotocol(),
            request.header("user-agent"),
        );
        let address = cx.address(client);
        let text = format!("{text} address={address:?} endpoint={:?}", cx.endpoint(client));
        self.requests.insert(client, text);
        if self.first.len() < 2 {
            self.first.push(client);
        }
        match query.as_str() {
            "panic" => panic!("asked to panic in open"),
            "greet" => cx.to(client).text("hello"),
            "greet-panic" => {
                cx.to(client).text("hello");
                panic!("asked to greet and panic in open");
            }
            "flood" => flood(cx, client, 3, 1_000_000),
            _ => {}
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        let Message::Text(text) = message else {
            return cx.to(client).send(message);
        };
        let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut numbers = rest.split(' ').map_while(|word| word.parse::<u64>().ok());
        let mut number = || numbers.next().unwrap_or_default();
        match command {
            "panic" => panic!("asked to panic in read"),
            "slow" => {
                // A test that must act while this sleeps waits for this line.
                cx.log(Level::Notice, "going to sleep");
                std::thread::sleep(Duration::from_millis(number()));
                cx.to(client).text("slept");
            }
            "flood" => flood(cx, client, number(), number()),
            "farewell" => {
                flood(cx, client, number(), number());
                cx.close(client, 4000, "enough of you");
            }
            "close" => {
                let code = number() as u16;
                let reason = rest.split_once(' ').map_or("", |(_, reason)| reason);
                if let Err(error) = cx.try_close(client, code, reason) {
                    cx.to(client).text(format_args!("not closed: {error:?}"));
                }
            }
            "afterword" => {
                cx.close(client, number() as u16, "the last word");
                cx.to(client).text("one thing more");
                cx.close(client, 1011, "and another");
            }
            "timer" => {
                self.waits = Some(client);
                cx.set_timer(Duration::from_millis(number()));
            }
            "timer-panic" => {
                self.panics_in_timer = true;
                cx.set_timer(Duration::from_millis(1));
            }
            "flood-others" => {
                let (count, size) = (number(), number() as usize);
                for i in 0..count {
                    cx.to_all()
                        .except(client)
                        .text(format_args!("{}{i}", ".".repeat(size - i.to_string().len())));
                }
                cx.to(client).text("flooded");
            }
            "thread" => {
                let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap_or_default();
                cx.to(client).text(name.trim_end());
            }
            "others" => cx.to_all().except(client).text(rest),
            "pair" => cx.to_many(&self.first).text(rest),
            "request" => cx.to(client).text(&self.requests[&client]),
            "log" => cx.log(Level::Notice, rest),
            _ => cx.to(client).text(text),
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, _close: Close<'_>) {
        self.requests.remove(&client);
        if self.requests.is_empty() {
            cx.log(Level::Notice, format!("the last of {} clients has gone", self.opened));
        }
    }

    fn timer(&mut self, cx: &mut Context<'_>) {
        assert!(!self.panics_in_timer, "asked to panic in timer");
        if let Some(client) = self.waits.take() {
            cx.to(client).text("timer");
        }
    }
}

fn flood(cx: &mut Context<'_>, client: ClientId, count: u64, size: u64) {
    let bytes = vec![b'.'; size as usize];
    for _ in 0..count {
        cx.to(client).binary(&bytes);
    }
}

ringsocket_app::export!(Faulty);
