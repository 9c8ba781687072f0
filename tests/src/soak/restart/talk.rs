//! The clients of daemons that are restarted: one thread with all connections, each of which sends a message every now and
//! then, and wants it back whole, once, and in its turn.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use crate::client::{Client, Link};
use crate::frame::{Frame, Piece, Scanner, opcode};
use crate::sys::{Epoll, Ready};

/// An answer takes longer only if it is lost.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The shortest time between two messages of a connection.
const PERIOD_MIN: Duration = Duration::from_millis(20);

/// Messages under way of each connection, at most. What they need fits into every socket's buffers.
const WINDOW: usize = 4;

/// Messages that are sent before it is looked for answers.
const BATCH: usize = 64;

/// What the thread is asked for.
pub(super) enum Ask {
    /// A message of every connection now, and its longest wait from now on.
    Begin,
    /// The longest waits, once all is answered that was sent before.
    End(Sender<Vec<Duration>>),
}

struct Line {
    link: Link,
    scanner: Scanner,
    payload: Vec<u8>,
    sent_c: usize,
    answered_c: usize,
    /// When those under way were sent, and their answers, the oldest first.
    under_way: VecDeque<(Instant, String)>,
    longest: Duration,
}

/// All connections.
pub(super) struct Talk {
    epoll: Epoll,
    lines: Vec<Line>,
    /// Who sends next, and when; of one period for all, so that they are in order.
    queue: VecDeque<(Instant, usize)>,
    period: Duration,
    /// Messages that are sent though it is not yet time.
    early_c: usize,
    /// Who has asked for the end of the measuring, and how many messages each connection had sent then.
    end: Option<(Sender<Vec<Duration>>, Vec<usize>)>,
}

impl Line {
    fn send_next(&mut self, token: usize) -> Result<(), String> {
        let number = self.sent_c;
        let text = format!("message {number} of {token} {}", "x".repeat(number * 7 % 200));
        self.send(token, &text, text.clone())
    }

    fn send(&mut self, token: usize, text: &str, answer: String) -> Result<(), String> {
        self.sent_c += 1;
        self.under_way.push_back((Instant::now(), answer));
        self.link
            .write_all(&Frame::new(opcode::TEXT, text.as_bytes()).to_bytes())
            .map_err(|error| format!("connection {token}: {error}"))
    }

    /// Takes what has come.
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), String> {
        loop {
            let len = match self.link.read(buffer) {
                Ok(0) => return Err("closed".to_owned()),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.to_string()),
            };
            let mut input = &buffer[..len];
            while let Some(piece) = self.scanner.next(&mut input)? {
                match piece {
                    Piece::Header(header) if header.fin && header.opcode == opcode::TEXT => {}
                    Piece::Header(header) => {
                        return Err(format!("a frame of another kind: {header:?}"));
                    }
                    Piece::Payload(part) => self.payload.extend_from_slice(part),
                    Piece::End => {
                        let payload = std::mem::take(&mut self.payload);
                        self.check(&payload)?;
                    }
                }
            }
        }
    }

    /// An answer must be the one that is due.
    fn check(&mut self, payload: &[u8]) -> Result<(), String> {
        let Some((sent, due)) = self.under_way.pop_front() else {
            return Err(format!("{} came unasked", shown(payload)));
        };
        if payload != due.as_bytes() {
            return Err(format!("{} in place of {}", shown(payload), shown(due.as_bytes())));
        }
        self.answered_c += 1;
        self.longest = self.longest.max(sent.elapsed());
        Ok(())
    }
}

impl Talk {
    /// Without connections yet; each will send a message every `period`, or 20 ms if that is longer.
    pub(super) fn new(period: Duration) -> Result<Self, String> {
        Ok(Self {
            epoll: Epoll::new().map_err(|error| error.to_string())?,
            lines: Vec::new(),
            queue: VecDeque::new(),
            period: period.max(PERIOD_MIN),
            early_c: 0,
            end: None,
        })
    }

    /// Adds an upgraded connection.
    pub(super) fn add(&mut self, client: Client) -> Result<(), String> {
        let (link, unread) = client.into_link();
        if !unread.is_empty() {
            return Err("frames came with the 101".to_owned());
        }
        let token = self.lines.len();
        link.tcp().set_nonblocking(true).map_err(|error| error.to_string())?;
        self.epoll.add(link.tcp(), token, false).map_err(|error| error.to_string())?;
        self.lines.push(Line {
            link,
            scanner: Scanner::default(),
            payload: Vec::new(),
            sent_c: 0,
            answered_c: 0,
            under_way: VecDeque::new(),
            longest: Duration::ZERO,
        });
        self.queue.push_back((Instant::now(), token));
        Ok(())
    }

    /// Talks until nobody can ask any more.
    pub(super) fn run(&mut self, asks: &Receiver<Ask>) -> Result<(), String> {
        let mut ready = Vec::new();
        loop {
            // What was begun is sent before it is ended.
            let asked = if self.early_c > 0 { Err(TryRecvError::Empty) } else { asks.try_recv() };
            match asked {
                Ok(ask) => self.heed(ask),
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => {}
            }
            self.take_answers(&mut ready)?;
            self.send_due()?;
            self.look_for_end()?;
        }
    }

    fn heed(&mut self, ask: Ask) {
        match ask {
            Ask::Begin => {
                self.early_c = self.lines.len();
                self.lines.iter_mut().for_each(|line| line.longest = Duration::ZERO);
            }
            Ask::End(reply) => {
                self.end = Some((reply, self.lines.iter().map(|line| line.sent_c).collect()));
            }
        }
    }

    fn take_answers(&mut self, ready: &mut Vec<Ready>) -> Result<(), String> {
        let mut buffer = [0; 4096];
        let wait = Duration::from_millis(u64::from(self.early_c == 0));
        self.epoll.wait(ready, wait).map_err(|error| error.to_string())?;
        for Ready { token, .. } in ready.drain(..) {
            self.lines[token]
                .read(&mut buffer)
                .map_err(|error| format!("connection {token}: {error}"))?;
        }
        Ok(())
    }

    fn send_due(&mut self) -> Result<(), String> {
        let now = Instant::now();
        for _ in 0..BATCH {
            let Some(&(due, token)) = self.queue.front() else { return Ok(()) };
            if self.early_c == 0 && due > now {
                return Ok(());
            }
            self.early_c = self.early_c.saturating_sub(1);
            self.queue.rotate_left(1);
            self.queue.back_mut().expect("the one that was first").0 = now + self.period;
            let line = &mut self.lines[token];
            match line.under_way.front() {
                Some((sent, _)) if sent.elapsed() > PATIENCE => {
                    let number = line.answered_c;
                    return Err(format!("message {number} of connection {token} is lost"));
                }
                _ if line.under_way.len() < WINDOW => line.send_next(token)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn look_for_end(&mut self) -> Result<(), String> {
        let Some((reply, sent)) = &self.end else { return Ok(()) };
        if self.lines.iter().zip(sent).any(|(line, sent_c)| line.answered_c < *sent_c) {
            return Ok(());
        }
        let longest = self.lines.iter().map(|line| line.longest).collect();
        let told = reply.send(longest);
        self.end = None;
        told.map_err(|_| "nobody waits for the end".to_owned())
    }

    /// Asks each app that counts (`keeps`) whether the client was restored and how many messages it has
    /// sent, has all that is under way answered, and gives the number of all messages.
    pub(super) fn finish(&mut self, keeps: impl Fn(usize) -> bool) -> Result<u64, String> {
        for (token, line) in self.lines.iter_mut().enumerate().filter(|(token, _)| keeps(*token)) {
            line.send(token, "how", "restored".to_owned())?;
            line.send(token, "next", (line.sent_c + 1).to_string())?;
        }
        let (start, mut ready) = (Instant::now(), Vec::new());
        while self.lines.iter().any(|line| !line.under_way.is_empty()) {
            self.take_answers(&mut ready)?;
            if start.elapsed() > PATIENCE {
                return Err("the last messages are lost".to_owned());
            }
        }
        Ok(self.lines.iter().map(|line| line.sent_c as u64).sum())
    }
}

/// The start of a payload, for an error.
fn shown(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    format!("{:?}", text.chars().take(60).collect::<String>())
}
