//! A service manager that keeps descriptors: the other end of `systemd::store`.

use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};

use crate::sys::pass_fds;
use crate::systemd::inherited::Inherited;
use crate::systemd::store::Store;

/// Ends the thread; no service says it.
const END: &[u8] = b"X_TEST_END=1";

type Stored = Arc<Mutex<Vec<Inherited>>>;

/// The manager, and what it has stored.
pub(super) struct Manager {
    address: String,
    stored: Stored,
    thread: JoinHandle<()>,
    /// What it waits for to be dropped, if anything.
    key: Option<Sender<()>>,
}

impl Manager {
    pub(super) fn start() -> Self {
        Self::begin(None)
    }

    /// One that is busy with something else until it is to end: nothing is looked at before.
    pub(super) fn start_late() -> Self {
        Self::begin(Some(mpsc::channel()))
    }

    fn begin(gate: Option<(Sender<()>, Receiver<()>)>) -> Self {
        let (key, lock) = gate.unzip();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringsocket-test-manager-{}-{count}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        let stored = Stored::default();
        let thread = std::thread::spawn({
            let stored = Arc::clone(&stored);
            move || {
                let _ = lock.map(|lock| lock.recv()); // until the key is gone
                serve(&socket, &stored);
            }
        });
        Self { address: format!("@{name}"), stored, thread, key }
    }

    /// For `NOTIFY_SOCKET`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn store(&self) -> Store {
        Store::at(self.address.as_bytes()).expect("the manager listens")
    }

    /// What it has stored, as it passes that to a process.
    pub(super) fn copies(&self) -> Vec<Inherited> {
        copies(&self.stored.lock().expect("no panic"))
    }

    /// What it has stored, once it has heard all that was sent before.
    pub(super) fn end(self) -> Vec<Inherited> {
        let socket = UnixDatagram::unbound().expect("a socket");
        let name = self.address.trim_start_matches('@');
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        socket.send_to_addr(END, &address).expect("the manager listens");
        drop(self.key);
        self.thread.join().expect("no panic");
        std::mem::take(&mut self.stored.lock().expect("no panic"))
    }
}

/// The same descriptors once more.
pub(super) fn copies(stored: &[Inherited]) -> Vec<Inherited> {
    let copy = |one: &Inherited| Inherited {
        fd: one.fd.try_clone().expect("a descriptor"),
        name: one.name.clone(),
    };
    stored.iter().map(copy).collect()
}

/// Waits until there is something to receive.
pub(super) fn wait(socket: &impl AsFd) {
    let mut ready = [PollFd::new(socket, PollFlags::IN)];
    while poll(&mut ready, None).is_err() {} // interrupted
}

fn serve(socket: &UnixDatagram, stored: &Stored) {
    loop {
        wait(socket);
        let mut buffer = [0; 512];
        let received = pass_fds::receive(socket, &mut buffer).expect("a datagram");
        assert!(!received.is_cut, "something got lost");
        let text = &buffer[..received.len];
        if text == END {
            return;
        }
        let text = std::str::from_utf8(text).expect("words");
        let mut stored = stored.lock().expect("no panic");
        let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
        match (text.lines().next(), name) {
            (Some("FDSTORE=1"), Some(name)) => {
                assert!(text.ends_with("\nFDPOLL=0"), "{text}");
                let keep = |fd| Inherited { fd, name: name.to_owned() };
                stored.extend(received.fds.into_iter().map(keep));
            }
            (Some("FDSTOREREMOVE=1"), Some(name)) => stored.retain(|one| one.name != name),
            // Dropping the descriptor is the answer.
            (Some("BARRIER=1"), None) => assert_eq!((text, received.fds.len()), ("BARRIER=1", 1)),
            _ => panic!("an unknown message: {text}"),
        }
    }
}
