//! What the one-shot that loads eBPF and the daemon say to each other, over a unix socket that is
//! root's alone: a request of one line, with a descriptor perhaps, and one answer.
//! Not for: acting on it (`control`, `oneshot`).

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use rustix::thread::CpuSet;

use crate::message::MAX_WORKERS;

/// How long either side waits for the other.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer: a line for each socket.
const ANSWER_MAX: u64 = 1 << 20;

/// What the one-shot asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Which socket is whose: a [`Seating`].
    Plan,
    /// Workers are to write how many connections they have to the map that comes with it.
    Counts,
    /// They need not any more, and connections are steered as if there were no eBPF.
    Off,
}

impl Request {
    const ALL: [(Request, &'static str); 3] =
        [(Request::Plan, "plan\n"), (Request::Counts, "counts\n"), (Request::Off, "off\n")];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(request, _)| *request == self).map_or("", |(_, word)| word)
    }
}

/// Which worker has which socket, and which CPU.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seating {
    pub(super) worker_c: usize,
    /// Of each worker; `None`: they have none.
    pub(super) cpus: Option<Vec<usize>>,
    pub(super) seats: Vec<Seat>,
}

/// A listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// What the kernel knows it by (`SO_COOKIE`, socket(7)), in every process that has it.
    pub(super) cookie: u64,
    /// Which group it belongs to.
    pub(super) group: usize,
    /// Whose it is.
    pub(super) worker: usize,
}

impl Seating {
    /// In lines.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("workers {}\n", self.worker_c);
        if let Some(cpus) = &self.cpus {
            text += &format!("cpus {}\n", super::words(cpus));
        }
        for Seat { cookie, group, worker } in &self.seats {
            text += &format!("socket {cookie} {group} {worker}\n");
        }
        text
    }

    /// Out of these lines; `None` unless they are as they should be.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().peekable();
        let worker_c = lines.next()?.strip_prefix("workers ")?.parse().ok()?;
        if !(1..=MAX_WORKERS).contains(&worker_c) {
            return None;
        }
        let cpus = lines.next_if(|line| line.starts_with("cpus ")).map(|line| {
            line["cpus ".len()..].split(' ').map(str::parse).collect::<Result<Vec<_>, _>>()
        });
        let cpus = cpus.transpose().ok()?;
        let is_whole = |cpus: &Vec<usize>| {
            cpus.len() == worker_c && cpus.iter().all(|&cpu| cpu < CpuSet::MAX_CPU)
        };
        if !cpus.iter().all(is_whole) {
            return None;
        }
        let seat = |line: &str| {
            let mut words = line.strip_prefix("socket ")?.split(' ');
            let cookie = words.next()?.parse().ok()?;
            let (group, worker) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let is_whole = words.next().is_none() && worker < worker_c;
            is_whole.then_some(Seat { cookie, group, worker })
        };
        Some(Self { worker_c, cpus, seats: lines.map(seat).collect::<Option<_>>()? })
    }
}

/// What the daemon answers to a request.
///
/// # Errors
/// If it does not answer, with a line for people; or its own refusal.
pub(super) fn ask(
    path: &Path,
    request: Request,
    with: Option<BorrowedFd<'_>>,
) -> Result<String, String> {
    let answer = exchange(path, request, with).map_err(|error| {
        format!(
            "the daemon cannot be asked over {}: {error}; it must have been started with \
             ringsocket-steering.socket: systemctl restart ringsocket.service",
            path.display()
        )
    })?;
    match answer.split_once('\n') {
        Some(("ok", body)) => Ok(body.to_owned()),
        _ => Err(format!("the daemon refuses: {answer:?}")),
    }
}

fn exchange(path: &Path, request: Request, with: Option<BorrowedFd<'_>>) -> io::Result<String> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let fds: Vec<_> = with.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&fds));
    }
    let line = [IoSlice::new(request.word().as_bytes())];
    sendmsg(&stream, &line, &mut control, SendFlags::NOSIGNAL)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    (&stream).take(ANSWER_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Takes the request that a connection begins with, and the descriptor that comes with it.
///
/// # Errors
/// Those of recvmsg(2), and `InvalidData` for what is no request.
pub(super) fn receive(stream: &UnixStream) -> io::Result<(Request, Option<OwnedFd>)> {
    let mut line = [0; 16];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let parts = &mut [IoSliceMut::new(&mut line)];
    // What is sent in one call, and so short, comes in one.
    let length = recvmsg(stream, parts, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
    let mut with = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            with = fds.last();
        }
    }
    let known = Request::ALL.iter().find(|(_, word)| word.as_bytes() == &line[..length]);
    Ok((known.ok_or(io::ErrorKind::InvalidData)?.0, with))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seating_survives_the_way_and_nonsense_does_not() {
        let seats = vec![
            Seat { cookie: u64::MAX, group: 0, worker: 1 },
            Seat { cookie: 4, group: 1, worker: 0 },
        ];
        let whole = Seating { worker_c: 2, cpus: Some(vec![3, 0]), seats };
        let text = "workers 2\ncpus 3 0\nsocket 18446744073709551615 0 1\nsocket 4 1 0\n";
        assert_eq!(whole.to_text(), text);
        assert_eq!(Seating::parse(text), Some(whole));
        let bare = Seating { worker_c: 256, cpus: None, seats: Vec::new() };
        assert_eq!(Seating::parse(&bare.to_text()), Some(bare));
        for text in [
            "",
            "workers 0\n",
            "workers 257\n",
            "workers -2\n",
            "cpus 1\n",
            "workers 2\ncpus 1\n",
            "workers 2\ncpus 1 x\n",
            "workers 2\ncpus 1 1024\n",
            "workers 2\nsocket 1 1 2\n",
            "workers 2\nsocket 1 1\n",
            "workers 2\nsocket 1 1 1 1\n",
            "workers 2\n\n",
            "workers 2\ncpus 0 1\ncpus 0 1\n",
        ] {
            assert_eq!(Seating::parse(text), None, "{text:?}");
        }
    }
}
