//! The SDK against a host in Rust: what a context asks for, what it does with bad answers, and that
//! no panic gets out.
#![forbid(unsafe_code)]

use ringsocket_app::testing::{Received, Stopped, TestHost, Visit};
use ringsocket_app::{App, ClientId, Close, Context, Error, Level, Message, abi};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type InitResult<T> = Result<T, Box<dyn std::error::Error>>;

/// Does what its clients tell it to, in words.
struct Puppet {
    open: Vec<ClientId>,
    notes: BTreeMap<ClientId, Vec<String>>,
}

impl Puppet {
    fn id(&self, at: &str) -> ClientId {
        self.open[at.parse::<usize>().unwrap()]
    }

    fn obey(&mut self, cx: &Context<'_>, client: ClientId, order: &str) {
        let words: Vec<&str> = order.split(' ').collect();
        match words[..] {
            ["echo", text] => cx.to(client).text(text),
            ["all", text] => cx.to_all().text(text),
            ["others", text] => cx.to_all().except(client).text(text),
            ["to", a, b, text] => cx.to_many(&[self.id(a), self.id(b)]).text(text),
            ["not", a, b, text] => {
                cx.to_all().except_many(&[self.id(a), self.id(b)]).binary(text.as_bytes());
            }
            ["close", who, code] => cx.close(self.id(who), code.parse().unwrap(), "so it is"),
            ["try-close", who, code, reason_size] => {
                let reason = "x".repeat(reason_size.parse().unwrap());
                let result = cx.try_close(self.id(who), code.parse().unwrap(), &reason);
                cx.to(client).text(format_args!("{result:?}"));
            }
            ["big", size] => cx.to(client).binary(vec![0; size.parse().unwrap()]),
            ["try-big", size] => {
                let result = cx.to(client).try_send(&vec![0; size.parse().unwrap()][..]);
                cx.to(client).text(format_args!("{result:?}"));
            }
            ["who", who] => {
                let who = self.id(who);
                let text = format!("{:?} {:?}", cx.address(who), cx.endpoint(who));
                cx.to(client).text(&text);
            }
            ["request"] => cx.to(client).text(format_args!("{}", cx.request().is_none())),
            ["conf"] => cx.to(client).text(format_args!("{:?}", cx.conf())),
            ["timer", micros] => cx.set_timer(Duration::from_nanos(micros.parse().unwrap())),
            ["cancel"] => cx.cancel_timer(),
            ["log", text] => ringsocket_app::notice!(cx, "{client} says {text}"),
            ["panic"] => panic!("the strings were cut"),
            _ => unreachable!("{order}"),
        }
    }
}

impl App for Puppet {
    const SUBPROTOCOLS: &'static [&'static str] = &["v1", "v2"];

    fn init(cx: &mut Context<'_>) -> InitResult<Self> {
        let anybody = ClientId::new(1).unwrap();
        assert_eq!(cx.to(anybody).try_send("too early"), Err(Error::NotHere));
        assert_eq!(cx.try_close(anybody, 1000, ""), Err(Error::NotHere));
        assert!(cx.request().is_none());
        Ok(Self { open: Vec::new(), notes: BTreeMap::new() })
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        self.open.push(client);
        let request = cx.request().expect("inside open");
        if request.header("x-tell").is_some() {
            // The request outlives calls through the context.
            cx.to(client).text(format_args!("{:?} {:?}", request.path(), request.query()));
            cx.to(client).text(format_args!("{:?} {:?}", request.host(), request.subprotocol()));
            for (name, value) in request.headers() {
                cx.to(client).text(format_args!("{name}={}", value.escape_ascii()));
            }
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        match message {
            Message::Text(order) => self.obey(cx, client, order),
            Message::Binary(_) => cx.to(client).send(message),
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, close: Close<'_>) {
        let note = format!("{} {:?}", close.code, close.reason);
        self.notes.entry(client).or_default().push(note.clone());
        cx.to_all().text(format_args!("{client} left: {note}"));
        assert_eq!(self.notes[&client].len(), 1, "close is called once");
        assert!(cx.endpoint(client).is_some(), "it is known until close has returned");
    }

    fn timer(&mut self, cx: &mut Context<'_>) {
        cx.to_all().text("time");
    }
}

fn three() -> (TestHost<Puppet>, [ClientId; 3]) {
    let mut host = TestHost::start_with(1000).unwrap();
    let clients = [host.open("/a"), host.open("/b"), host.open("/c")];
    (host, clients)
}

/// What each of the three got.
fn inboxes(host: &mut TestHost<Puppet>, clients: &[ClientId]) -> Vec<Vec<String>> {
    let text = |received: &Received| match received {
        Received::Text(text) => text.clone(),
        Received::Binary(bytes) => format!("binary {}", bytes.escape_ascii()),
    };
    clients.iter().map(|client| host.received(*client).iter().map(text).collect()).collect()
}

#[test]
fn each_way_of_naming_recipients_reaches_those_and_no_others() {
    let (mut host, clients) = three();
    for (order, expected) in [
        ("echo me", [vec!["me"], vec![], vec![]]),
        ("all us", [vec!["us"], vec!["us"], vec!["us"]]),
        ("others them", [vec![], vec!["them"], vec!["them"]]),
        ("to 1 2 you", [vec![], vec!["you"], vec!["you"]]),
        ("to 2 2 once", [vec![], vec![], vec!["once"]]),
        ("not 0 2 b", [vec![], vec!["binary b"], vec![]]),
    ] {
        host.text(clients[0], order);
        assert_eq!(inboxes(&mut host, &clients), expected, "{order}");
    }
}

#[test]
fn messages_keep_their_kind_and_content_even_when_empty() {
    let (mut host, [ann, ..]) = three();
    for payload in [&b""[..], b"\0\xff\xfe", &[7; 1000]] {
        host.binary(ann, payload);
        assert_eq!(host.received(ann), [payload]);
    }
    host.text(ann, "echo ");
    assert_eq!(host.received(ann), [""]);
}

#[test]
fn a_stale_id_is_no_error() {
    let (mut host, [ann, ben, cay]) = three();
    host.leave(ben, 1001, "bye").unwrap();
    assert_eq!(host.received(ann), [format!("{ben} left: 1001 \"bye\"").as_str()]);
    host.received(cay);
    host.text(ann, "to 1 2 hi");
    host.text(ann, "close 1 4000");
    host.text(ann, "try-close 1 4000 0");
    host.text(ann, "who 1");
    assert_eq!(host.received(cay), ["hi"]);
    assert_eq!(host.received(ann), ["Err(NoClient)", "None None"]);
    assert_eq!(host.log(), []);
}

#[test]
fn close_takes_code_and_reason_and_refuses_bad_ones() {
    let (mut host, [ann, ben, cay]) = three();
    for (order, answer) in [
        ("try-close 1 1006 0", "Err(CloseCode)"),
        ("try-close 1 999 0", "Err(CloseCode)"),
        ("try-close 1 1010 0", "Err(CloseCode)"),
        ("try-close 1 5000 0", "Err(CloseCode)"),
        ("try-close 1 1000 124", "Err(TooLarge)"),
        ("try-close 1 1000 123", "Ok(())"),
    ] {
        host.text(ann, order);
        assert_eq!(host.received(ann)[0], answer, "{order}");
    }
    assert!(!host.is_open(ben));
    host.received(ann);

    host.text(ann, "close 2 4001");
    assert!(!host.is_open(cay));
    assert_eq!(host.received(ann), [format!("{cay} left: 4001 \"so it is\"").as_str()]);
    host.text(ann, "close 0 1005");
    let [line] = host.log() else { panic!("{:?}", host.log()) };
    assert!(line.text.contains("was not closed with code 1005"), "{}", line.text);
    assert!(line.file.as_deref().unwrap().ends_with("tests/sdk.rs"), "names the app's file");
    assert!(host.is_open(ann));
}

#[test]
fn a_message_over_the_limit_is_refused_and_logged_at_its_place() {
    let (mut host, [ann, ..]) = three();
    host.text(ann, "try-big 1001");
    assert_eq!(host.received(ann), ["Err(TooLarge)"]);
    host.text(ann, "big 1000");
    assert_eq!(host.received(ann), [&[0; 1000][..]]);
    host.text(ann, "big 1001");
    assert!(host.received(ann).is_empty());
    let [line] = host.log() else { panic!("{:?}", host.log()) };
    assert_eq!(line.level, Level::Error);
    assert_eq!(line.text, "a message of 1001 bytes was not sent: larger than allowed");
    assert!(line.file.as_deref().unwrap().ends_with("tests/sdk.rs"));
    assert!(line.line > 0);
}

#[test]
fn open_sees_the_request_and_other_callbacks_do_not() {
    let (mut host, [ann, ..]) = three();
    let visit = Visit::new("/p%20q?a=1?b")
        .host("example.com:8080")
        .offer(&["V1", "v3", "v2", "v1"])
        .header("X-Tell", "")
        .header("Cookie", b"k=\xff");
    let tell = host.open(visit);
    let told = host.received(tell);
    assert_eq!(told[0], "\"/p%20q\" \"a=1?b\"");
    assert_eq!(told[1], "\"example.com:8080\" Some(\"v2\")");
    assert_eq!(told[2..], ["Sec-WebSocket-Protocol=V1, v3, v2, v1", "X-Tell=", "Cookie=k=\\xff"]);
    assert_eq!(host.subprotocol(tell), Some("v2"));
    assert_eq!(host.subprotocol(ann), None);
    let stranger = host.open(Visit::new("/").offer(&["v3"]));
    assert_eq!(host.subprotocol(stranger), None);
    host.text(ann, "request");
    assert_eq!(host.received(ann), ["true"]);
}

#[test]
fn strings_that_are_not_utf8_do_no_harm() {
    let (mut host, [ann, ..]) = three();
    let visit = Visit::new(b"/\xff?\xfe").host(b"\x80");
    let odd = host.open(visit.header("X-Tell", "").header(b"\xff", b"\xff"));
    let told = host.received(odd);
    assert_eq!(told, ["\"\" \"\"", "\"\" None", "X-Tell=", "=\\xff"]);
    host.leave(odd, 4000, b"so\xffso").unwrap();
    assert_eq!(host.received(ann), [format!("{odd} left: 4000 \"so\u{fffd}so\"").as_str()]);
}

#[test]
fn addresses_of_all_families() {
    let (mut host, [ann, ..]) = three();
    let addresses: [Option<SocketAddr>; 3] = [
        Some("203.0.113.7:65535".parse().unwrap()),
        Some("[2001:db8::1]:80".parse().unwrap()),
        None,
    ];
    for (i, address) in addresses.into_iter().enumerate() {
        host.open(Visit::new("/").address(address).endpoint(65535));
        host.text(ann, &format!("who {}", 3 + i));
        assert_eq!(host.received(ann), [format!("{address:?} Some(65535)").as_str()]);
    }
}

#[test]
fn the_timer_rounds_up_and_never_cancels_by_itself() {
    let (mut host, [ann, ..]) = three();
    for (nanos, micros) in [("0", 1), ("1", 1), ("1000", 1), ("1001", 2), ("5000000", 5000)] {
        host.text(ann, &format!("timer {nanos}"));
        assert_eq!(host.timer(), Some(Duration::from_micros(micros)));
    }
    host.text(ann, "cancel");
    assert_eq!(host.timer(), None);
    host.fire_timer().unwrap();
    assert!(host.received(ann).is_empty());
    host.text(ann, "timer 1");
    host.fire_timer().unwrap();
    assert_eq!(host.received(ann), ["time"]);
    assert_eq!(host.timer(), None);
}

#[test]
fn conf_and_log_arrive() {
    let (mut host, [ann, ..]) = three();
    host.text(ann, "conf");
    let conf = "Conf { app_name: \"test\", worker_c: 2, max_message_size: 1000 }";
    assert_eq!(host.received(ann), [conf]);
    host.text(ann, "log hello");
    let [line] = host.log() else { panic!("{:?}", host.log()) };
    assert_eq!((line.level, line.text.as_str()), (Level::Notice, "1 says hello"));
    assert!(line.file.as_deref().unwrap().ends_with("tests/sdk.rs"));
}

#[test]
fn a_panic_stops_the_app_and_is_logged_with_its_place() {
    let (mut host, [ann, ..]) = three();
    let result = host.try_read(ann, abi::DataKind::UTF8, b"panic");
    assert_eq!(result, Err(Stopped));
    let [line] = host.log() else { panic!("{:?}", host.log()) };
    assert_eq!(line.level, Level::Error);
    assert!(line.text.starts_with("read panicked at "), "{}", line.text);
    assert!(line.text.ends_with("the strings were cut"), "{}", line.text);
    assert!(line.file.as_deref().unwrap().ends_with("tests/sdk.rs"));
    assert!(line.line > 0);
    assert_eq!(host.try_open("/"), Err(Stopped));
    assert_eq!(host.quit().len(), 1, "quit still works");
}

/// Panics where its client's path says.
struct Fragile;

/// A panic's payload whose `drop` panics, whose payload's `drop` panics, ...
struct Matryoshka;

impl Drop for Matryoshka {
    fn drop(&mut self) {
        std::panic::panic_any(Matryoshka);
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl App for Fragile {
    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, _client: ClientId) {
        match cx.request().unwrap().path() {
            "/matryoshka" => std::panic::panic_any(Matryoshka),
            "/resume" => std::panic::resume_unwind(Box::new("resumed".to_owned())),
            "/caught" => {
                let caught = std::panic::catch_unwind(|| panic!("only a drill"));
                assert!(caught.is_err());
            }
            _ => {}
        }
    }

    fn close(&mut self, _cx: &mut Context<'_>, client: ClientId, _close: Close<'_>) {
        panic!("{client} closed");
    }

    fn timer(&mut self, _cx: &mut Context<'_>) {
        panic!("timer");
    }
}

#[test]
fn odd_panics_do_not_escape() {
    for (path, text) in [("/matryoshka", "a panic without a message"), ("/resume", "resumed")] {
        let mut host = TestHost::<Fragile>::start().unwrap();
        assert_eq!(host.try_open(path), Err(Stopped));
        assert!(host.log()[0].text.ends_with(text), "{:?}", host.log());
        let log = host.quit();
        assert!(log[1].text.starts_with("quit panicked"), "{log:?}");
        assert!(log[1].text.ends_with("dropped"), "{log:?}");
    }
}

#[test]
fn a_panic_that_the_app_catches_is_a_warning() {
    let mut host = TestHost::<Fragile>::start().unwrap();
    let client = host.open("/caught");
    let [line] = host.log() else { panic!("{:?}", host.log()) };
    assert_eq!(line.level, Level::Warning);
    assert!(line.text.starts_with("open caught a panic"), "{}", line.text);
    assert_eq!(host.leave(client, 1000, ""), Err(Stopped));
    assert!(host.log()[1].text.starts_with("close panicked"), "{:?}", host.log());
}

/// How many of each [`Starter`] were dropped.
static DROPPED: [AtomicUsize; 5] = [const { AtomicUsize::new(0) }; 5];

/// Fails to start, or starts.
struct Starter<const FATE: u8>;

impl<const FATE: u8> Drop for Starter<FATE> {
    fn drop(&mut self) {
        DROPPED[FATE as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no port")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// An error that cannot even be shown.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("unspeakable")
    }
}

impl std::error::Error for Unspeakable {}

impl<const FATE: u8> App for Starter<FATE> {
    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        match FATE {
            0 => Err(Box::new(Outer("x".parse::<u8>().unwrap_err()))),
            1 => Err(Box::new(Unspeakable)),
            2 => panic!("at init"),
            _ => Ok(Self),
        }
    }
}

#[test]
fn init_may_fail_in_any_way() {
    let error = TestHost::<Starter<0>>::start().unwrap_err();
    assert_eq!(error, "init failed: no port: invalid digit found in string");
    let error = TestHost::<Starter<1>>::start().unwrap_err();
    assert!(error.starts_with("init panicked") && error.ends_with("unspeakable"), "{error}");
    let error = TestHost::<Starter<2>>::start().unwrap_err();
    assert!(error.starts_with("init panicked") && error.ends_with("at init"), "{error}");
    let dropped = || [0, 1, 2, 3].map(|fate: usize| DROPPED[fate].load(Ordering::Relaxed));
    assert_eq!(dropped(), [0; 4]);

    drop(TestHost::<Starter<3>>::start().unwrap());
    assert_eq!(dropped(), [0, 0, 0, 1], "quit drops the app, once");
}

#[test]
fn default_methods_do_nothing() {
    let mut host = TestHost::<Starter<4>>::start().unwrap();
    let client = host.open("/");
    host.text(client, "hi");
    assert_eq!(host.fire_timer(), Ok(()));
    assert_eq!(host.leave(client, 1000, ""), Ok(()));
    assert_eq!(host.log(), []);
}

#[test]
fn a_kind_that_nobody_knows_is_a_fault() {
    let (mut host, [ann, ..]) = three();
    assert_eq!(host.try_read(ann, abi::DataKind(7), b""), Err(Stopped));
    assert_eq!(host.log()[0].text, "the server sent a message of unknown kind 7");
}

#[test]
fn the_table_names_its_maker_and_size() {
    let table = ringsocket_app::__private::vtable::<Puppet>();
    assert_eq!(table.abi_version, abi::ABI_VERSION);
    assert_eq!(table.struct_size as usize, size_of::<abi::App>());
    assert!(!table.built_with.is_null());
    assert_eq!(table.subprotocol_c, 2);
    assert_eq!(table.flags, abi::APP_ANY_THREAD | abi::APP_UTF8_SENT);
}

#[test]
fn an_app_may_ask_for_a_thread_of_its_own() {
    struct Loner;
    impl App for Loner {
        const OWN_THREAD: bool = true;

        fn init(_cx: &mut Context<'_>) -> Result<Self, Box<dyn std::error::Error>> {
            Ok(Self)
        }
    }
    let table = ringsocket_app::__private::vtable::<Loner>();
    assert_eq!(table.flags, abi::APP_UTF8_SENT);
}

#[test]
fn rfc9110_5_6_2_tokens() {
    for byte in 0..=255u8 {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert_eq!(abi::is_token(&[b'a', byte]), is_token, "{byte}");
    }
    assert!(!abi::is_token(b""));
}
