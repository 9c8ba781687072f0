//! An app that parks and one that takes up, with the rings in the hands of the test, which plays the
//! workers.

mod parking;
mod taking_up;

use std::cell::RefCell;
use std::error::Error;
use std::time::Duration;

use ringsocket_app::{
    App, ClientId as Id, Close, Context as Cx, Handle, Message, RestoreResult, abi,
};
use ringsocket_ring::{Consumer, Producer, ring};

use super::*;
use crate::host::app_loop::Turn;
use crate::host::context::{Context, Facts};
use crate::host::library::Callbacks;
use crate::host::outlets::{Outlet, Outlets};
use crate::host::pace::Threads;
use crate::host::post::Post;
use crate::host::topics::TopicLimits;
use crate::message::{Inbound, PeerAddress};
use crate::waker::Waker;

const RING: usize = 256 * 1024;

thread_local! {
    /// What the app has been called for, in words.
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static HANDLE: RefCell<Option<Handle<Scribe>>> = const { RefCell::new(None) };
}

fn hear(text: String) {
    HEARD.with_borrow_mut(|heard| heard.push(text));
}

fn heard() -> Vec<String> {
    HEARD.take()
}

/// An app that says what it hears, and does what it reads: `sub TOPIC`, `pub TOPIC TEXT`; and whose
/// next `save` or `restore` it is told how to take.
#[derive(Default)]
struct Scribe {
    mood: String,
}

impl App for Scribe {
    fn init(cx: &mut Cx<'_>) -> Result<Self, Box<dyn Error>> {
        HANDLE.set(Some(cx.handle()));
        Ok(Self::default())
    }

    fn open(&mut self, cx: &mut Cx<'_>, client: Id) {
        let request = cx.request().expect("a request in open");
        let (path, resumed) = (request.path(), request.is_resumed());
        let number = client.get();
        hear(format!("open {number:x} {path} resumed={resumed} at {:?}", cx.address(client)));
        assert!(cx.attached::<u8>(client).is_none());
        cx.to_all().text(format_args!("hello {}", short(client)));
        cx.to_topic("news").text("news");
    }

    fn read(&mut self, cx: &mut Cx<'_>, client: Id, message: Message<'_>) {
        let Message::Text(text) = message else { panic!("the tests send text") };
        hear(format!("read {} {text}", short(client)));
        match text.split_once(' ') {
            Some(("sub", topic)) => cx.subscribe(client, topic),
            Some(("pub", topic)) => cx.to_topic(topic).text(topic),
            _ => self.mood = text.to_owned(),
        }
    }

    fn close(&mut self, _: &mut Cx<'_>, client: Id, _: Close<'_>) {
        hear(format!("close {}", short(client)));
    }

    fn timer(&mut self, _: &mut Cx<'_>) {
        hear("timer".to_owned());
    }

    fn save(&mut self, cx: &mut Cx<'_>) -> Option<Vec<u8>> {
        hear("save".to_owned());
        cx.to_all().text("farewell");
        match self.mood.as_str() {
            "forget" => None,
            "panic" => panic!("as wished"),
            "much" => Some(vec![0; abi::STATE_MAX_SIZE + 1]),
            _ => Some(b"state".to_vec()),
        }
    }

    fn restore(&mut self, cx: &mut Cx<'_>, state: &[u8], clients: &[Id]) -> RestoreResult {
        let state = String::from_utf8_lossy(state);
        hear(format!("restore {state} of {}", clients.len()));
        for client in clients {
            cx.attach(*client, 7_u8).expect("an open client");
            cx.subscribe(*client, "all");
        }
        cx.to_all().text("welcome back");
        match &*state {
            "alien" => Err("of another version".into()),
            "panic" => panic!("as wished"),
            _ => Ok(()),
        }
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        hear("quit".to_owned());
    }
}

static SCRIBE: abi::App = ringsocket_app::__private::vtable::<Scribe>();

/// Worker and slot.
fn short(client: Id) -> String {
    let id = ClientId::from_u64(client.get());
    format!("{}.{}", id.worker(), id.slot())
}

/// The app between its rings.
struct Stage {
    app: AppLoop,
    inbound: Vec<Producer>,
    outbound: Vec<Consumer>,
}

/// With as many workers, and `init` done.
fn stage(worker_c: usize) -> Stage {
    stage_by(worker_c, || Duration::ZERO)
}

fn stage_by(worker_c: usize, clock: fn() -> Duration) -> Stage {
    let waker = Arc::new(Waker::simulated(|| {}));
    let (mut inbound, mut outbound) = (Vec::new(), Vec::new());
    let (mut consumers, mut outlets) = (Vec::new(), Vec::new());
    for _ in 0..worker_c {
        let (producer, consumer) = ring(RING).expect("a ring");
        inbound.push(producer);
        consumers.push(consumer);
        let (producer, consumer) = ring(RING).expect("a ring");
        outbound.push(consumer);
        outlets.push(Outlet::new(producer, Arc::new(Waker::simulated(|| {})), 1));
    }
    let post = Post::new(Vec::new(), Arc::clone(&waker));
    let topics = Arc::new(TopicLimits::new(10, 10));
    let facts = Facts { name: "scribe".into(), max_message: 1000, max_kept: 10_000, topics };
    let outlets = Outlets::new(outlets, 0, waker);
    let context = Context::new(facts, outlets, Arc::clone(post.posted()), clock);
    let instance = Instance::new(Callbacks::linked(&SCRIBE), context);
    let mut app = AppLoop::new(instance, consumers, Threads::Own);
    app.init().expect("it starts");
    Stage { app, inbound, outbound }
}

fn opening() -> Vec<u8> {
    let mut bytes = Vec::new();
    let address = PeerAddress::inet(([192, 0, 2, 7], 80).into());
    Opening::write(address, [b"/scribe", b"", b"host", b""], None, std::iter::empty(), &mut bytes);
    bytes
}

fn resumed(client: ClientId) -> Resumed {
    Resumed { client, endpoint: 3, opening: opening().into() }
}

impl Stage {
    /// A worker's record.
    fn tell(&mut self, worker: usize, record: Inbound<'_>) {
        let (head, payload) = record.encode();
        let ring = &mut self.inbound[worker];
        let mut space = ring.reserve(head.len() + payload.len()).expect("space");
        space[..head.len()].copy_from_slice(&head);
        space[head.len()..].copy_from_slice(payload);
        space.commit();
        let _ = ring.publish();
    }

    fn open(&mut self, client: ClientId) {
        let opening = opening();
        self.tell(client.worker(), Inbound::Open { client, endpoint: 3, opening: &opening });
    }

    fn say(&mut self, client: ClientId, text: &str) {
        let payload = text.as_bytes();
        self.tell(client.worker(), Inbound::Message { client, text: true, payload });
    }

    /// Turns until nothing is left to do; true if the app is over.
    fn settle(&mut self) -> bool {
        for _ in 0..1000 {
            match self.app.turn() {
                Turn::Busy => {}
                Turn::Idle(_) => return false,
                Turn::Over => return true,
            }
        }
        panic!("no end");
    }

    /// What a worker has been told, in words.
    fn told(&mut self, worker: usize) -> Vec<String> {
        let mut told = Vec::new();
        let ring = &mut self.outbound[worker];
        while ring.refresh() {
            while let Some((_, record)) = ring.next() {
                let record = Outbound::decode(record.inline, record.block).expect("a record");
                told.push(words(&record));
            }
            let _ = ring.release();
        }
        told
    }
}

fn words(record: &Outbound<'_>) -> String {
    let slots = record.clients().map(|clients| {
        let slots: Vec<_> = clients.iter().map(|id| id.slot().to_string()).collect();
        slots.join(",")
    });
    let slots = slots.unwrap_or_default();
    match record {
        // A frame this short has a header of two bytes.
        Outbound::Send { frame, .. } => String::from_utf8_lossy(&frame[2..]).into_owned(),
        Outbound::Opened { .. } => format!("opened {slots}"),
        Outbound::Subscription { topic, begins, .. } => format!("topic {topic} {slots} {begins}"),
        Outbound::Parked => "parked".to_owned(),
        Outbound::Fault => "fault".to_owned(),
        other => format!("{other:?}"),
    }
}
