//! The daemon's end of steering by eBPF: a thread that tells the one-shot which socket is whose, and puts
//! its map behind the board to which workers write how many connections they have.
//! Not for: loading or attaching such programs, for which the daemon has no rights (`oneshot`).
//!
//! The socket is systemd's (`ringsocket-steering.socket`), of which only root can ask for anything.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use super::Plan;
use super::wire::{PATIENCE, Request, receive};
use crate::log;
use crate::sys::board::Board;
use crate::systemd::sockets::Listener;
use crate::worker::Shared;

/// What the thread has to do with.
#[derive(Debug)]
pub struct Control {
    plan: Arc<Plan>,
    listeners: Vec<Listener>,
    shared: Arc<Shared>,
}

impl Control {
    /// For this plan, whose sockets these are.
    pub fn new(plan: Arc<Plan>, listeners: Vec<Listener>, shared: Arc<Shared>) -> Self {
        Self { plan, listeners, shared }
    }

    /// Starts the thread, which nobody waits for: it ends with the process.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(self, socket: OwnedFd) -> io::Result<()> {
        let listener = UnixListener::from(socket);
        listener.set_nonblocking(false)?;
        let thread = thread::Builder::new().name("steering".into()).stack_size(256 << 10);
        thread.spawn(move || self.serve(&listener)).map(drop)
    }

    fn serve(&self, listener: &UnixListener) {
        loop {
            let result = listener.accept().and_then(|(stream, _)| self.answer(&stream));
            if let Err(error) = result {
                log::warning!("a request about steering cannot be answered: {error}");
                // Whoever has no descriptors left will not have any at once.
                thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    }

    fn answer(&self, mut stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (request, with) = receive(stream)?;
        match self.act(request, with) {
            Ok(body) => stream.write_all(format!("ok\n{body}").as_bytes()),
            Err(error) => stream.write_all(format!("{error}\n").as_bytes()),
        }
    }

    fn act(&self, request: Request, with: Option<OwnedFd>) -> io::Result<String> {
        let board = self.shared.board.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        match request {
            Request::Plan => return Ok(self.plan.seating(&self.listeners)?.to_text()),
            Request::Counts => {
                board.show(with.ok_or(io::ErrorKind::InvalidInput)?.as_fd())?;
                self.plan.make_way();
                log::notice!(
                    "connections are steered by eBPF, as ringsocket-steering.service has it"
                );
            }
            Request::Off => {
                self.plan.enforce(&self.listeners);
                board.hide()?;
                log::notice!("connections are not steered by eBPF any more");
            }
        }
        self.fill(board);
        Ok(String::new())
    }

    /// Writes what workers have not written themselves since there is another map behind the board. A
    /// worker counts first and writes then: so either what it has written is what `replace` finds, and
    /// the count that it belongs to is seen in the next round, or it comes last.
    fn fill(&self, board: &Board) {
        for (worker, counters) in self.shared.counters.iter().enumerate() {
            let count = || counters.connections.load(Ordering::Relaxed) as u64;
            let mut written = None;
            while written != Some(count()) {
                let now = count();
                board.replace(worker, now);
                written = Some(now);
            }
        }
    }
}
