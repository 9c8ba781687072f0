//! Restarts as `TestHost` plays them: what an app and its clients live through.

use ringsocket_app::testing::{TestHost, Visit};
use ringsocket_app::{
    App, ClientId, Close, Context, Handle, InitResult, Level, Message, RestoreResult, abi,
};
use std::time::Duration;

/// An app whose state is the lines of what has happened to it, this instance's after the ones before.
struct Diary {
    lines: Vec<String>,
    handle: Handle<Self>,
    is_forgetful: bool,
}

impl Diary {
    fn note(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }
}

impl App for Diary {
    fn init(cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self { lines: vec!["init".to_owned()], handle: cx.handle(), is_forgetful: false })
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let request = cx.request().expect("a request in open");
        let (path, query) = (request.path(), request.query());
        let agent = request.header("user-agent");
        let tls = request.tls().map(|tls| tls.version().to_owned());
        let (is_resumed, subprotocol) = (request.is_resumed(), request.subprotocol());
        let value = cx.attached::<u8>(client);
        let line = format!("{path} {query} {agent:?} {subprotocol:?} {tls:?} {value:?}");
        self.note(format!("open {client} {is_resumed} {line}"));
        assert!(cx.attach(client, 1_u8).is_ok());
        cx.to_all().text(format_args!("{client} is here"));
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        let Message::Text(text) = message else { panic!("the tests send text") };
        match text {
            "lines" => cx.to(client).text(self.lines.join("; ")),
            "value" => cx.to(client).text(format_args!("{:?}", cx.attached::<u8>(client))),
            "timer" => cx.set_timer(Duration::from_secs(1)),
            "forget" => self.is_forgetful = true,
            "post" => drop(self.handle.post(|diary, _| diary.note("posted"))),
            topic => cx.subscribe(client, topic),
        }
    }

    fn close(&mut self, _: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        self.note(format!("close {client}"));
    }

    fn save(&mut self, cx: &mut Context<'_>) -> Option<Vec<u8>> {
        self.note("save");
        cx.to_all().text("farewell");
        assert!(self.handle.post(|_, _| panic!("nothing is called after save")).is_err());
        (!self.is_forgetful).then(|| self.lines.join("; ").into_bytes())
    }

    fn restore(
        &mut self,
        cx: &mut Context<'_>,
        state: &[u8],
        clients: &[ClientId],
    ) -> RestoreResult {
        assert!(cx.request().is_none());
        for client in clients {
            assert!(cx.address(*client).is_some());
            assert!(cx.attached::<u8>(*client).is_none());
            cx.attach(*client, 2_u8)?;
        }
        cx.to_all().text("welcome back");
        let state = std::str::from_utf8(state)?;
        if state == "close" {
            cx.close(clients[0], 4000, "restored");
        }
        if state == "alien" {
            cx.close(clients[0], 4000, "not restored");
            return Err("of another version".into());
        }
        self.lines.insert(0, state.to_owned());
        Ok(())
    }
}

fn ask(host: &mut TestHost<Diary>, client: ClientId, what: &str) -> String {
    host.text(client, what);
    host.received(client).pop().expect("an answer").text().to_owned()
}

/// With two clients that have read all.
fn start() -> (TestHost<Diary>, ClientId, ClientId) {
    let mut host = TestHost::<Diary>::start().unwrap();
    let visit = Visit::new("/a?b=c").header("User-Agent", "test").tls("TLSv1.3", "");
    let (ann, ben) = (host.open(visit), host.open("/b"));
    host.received(ann);
    host.received(ben);
    (host, ann, ben)
}

#[test]
fn what_is_saved_is_restored() {
    let (mut host, ann, ben) = start();
    for text in ["topic", "timer", "post"] {
        host.text(ann, text);
    }
    host.restart();
    assert_eq!(host.received(ben), ["farewell", "welcome back"]);
    assert_eq!(ask(&mut host, ben, "value"), "Some(2)");
    assert!(host.is_subscribed(ann, "topic") && !host.is_subscribed(ben, "topic"));
    assert_eq!(host.timer(), None);
    let opened = "open 1 false /a b=c Some(\"test\") None Some(\"TLSv1.3\") None; \
                  open 2 false /b  None None None None";
    let expected = format!("init; {opened}; posted; save; init");
    assert_eq!(ask(&mut host, ann, "lines"), expected);
    let cay = host.open("/c");
    assert_eq!(cay.get(), 3, "numbers are not used again");
    assert_eq!(host.log(), []);
}

#[test]
fn who_is_not_restored_is_opened_again_with_what_is_still_known() {
    for is_refused in [false, true] {
        let (mut host, ann, ben) = start();
        host.text(ann, "topic");
        match is_refused {
            true => host.restart_from(Some(b"alien")),
            false => {
                host.text(ben, "forget");
                host.restart();
            }
        }
        // Ben is not there yet when Ann is opened, and nothing is left of `restore`.
        assert_eq!(host.received(ann), ["farewell", "1 is here", "2 is here"]);
        assert_eq!(host.received(ben), ["farewell", "2 is here"]);
        let expected = "init; open 1 true /a  None None Some(\"TLSv1.3\") None; \
                        open 2 true /b  None None None None";
        assert_eq!(ask(&mut host, ann, "lines"), expected);
        assert!(host.is_subscribed(ann, "topic"));
        let warned = host.log().iter().filter(|line| line.level == Level::Warning).count();
        assert_eq!((warned, host.log().len()), (usize::from(is_refused), usize::from(is_refused)));
    }
}

#[test]
fn nobody_hears_of_those_who_are_lost() {
    let (mut host, ann, ben) = start();
    host.text(ben, "topic");
    host.restart_without(&[ben]);
    assert!(!host.is_open(ben) && !host.is_subscribed(ben, "topic"));
    assert!(!ask(&mut host, ann, "lines").contains("close"));
}

#[test]
fn a_restored_client_may_be_closed_at_once() {
    let (mut host, ann, ben) = start();
    host.restart_from(Some(b"close"));
    assert_eq!(host.closed_with(ann), Some((4000, "restored")));
    assert_eq!(ask(&mut host, ben, "lines"), "close; init; close 1");
}

/// An app that saves as much as it is told.
struct Hoarder(usize);

impl App for Hoarder {
    fn init(_: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self(0))
    }

    fn open(&mut self, cx: &mut Context<'_>, _: ClientId) {
        let is_resumed = cx.request().is_some_and(|request| request.is_resumed());
        self.0 = if is_resumed { 0 } else { abi::STATE_MAX_SIZE };
    }

    fn read(&mut self, _: &mut Context<'_>, _: ClientId, _: Message<'_>) {
        self.0 += 1;
    }

    fn save(&mut self, _: &mut Context<'_>) -> Option<Vec<u8>> {
        Some(vec![7; self.0])
    }

    fn restore(&mut self, _: &mut Context<'_>, state: &[u8], _: &[ClientId]) -> RestoreResult {
        self.0 = state.len();
        Ok(())
    }
}

#[test]
fn sixty_four_mebibytes_are_kept_and_no_more() {
    let mut host = TestHost::<Hoarder>::start().unwrap();
    let client = host.open("/");
    host.restart();
    assert_eq!(host.log(), []);
    host.text(client, "one more");
    host.restart();
    let [line] = host.log() else { panic!("{:?}", host.log()) };
    assert_eq!(line.text, "the state was not saved: larger than allowed");
    host.restart();
    assert_eq!(host.log().len(), 1, "opened again, it has saved little");
}

/// An app that has neither of the two.
struct Plain;

impl App for Plain {
    fn init(_: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let is_resumed = cx.request().is_some_and(|request| request.is_resumed());
        cx.to(client).text(is_resumed.to_string());
    }
}

#[test]
fn an_app_without_them_opens_its_clients_again() {
    let mut host = TestHost::<Plain>::start().unwrap();
    let client = host.open("/");
    host.restart();
    host.restart();
    assert_eq!(host.received(client), ["false", "true", "true"]);
    assert_eq!(host.log(), []);
    host.restart_from(Some(b"of a version that had them"));
    assert_eq!(host.received(client), ["true"]);
    assert!(host.log()[0].text.ends_with("the app does not implement `restore`"));
}
