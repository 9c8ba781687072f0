//! The service manager's end of sd_notify(3): a datagram socket that collects what a daemon says
//! about itself (`READY=1`, `STATUS=...`) and keeps the descriptors that it leaves (`FDSTORE=1`). A
//! thread empties it, so that a talkative daemon never blocks on a test that does not listen.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

type Heard = Arc<(Mutex<Said>, Condvar)>;

/// Ends the collecting thread; no service says it.
const HANG_UP: &str = "X_TEST_HANG_UP=1";

/// Says that all before it has been collected.
const SO_FAR: &str = "X_TEST_SO_FAR=1";

/// How many descriptors the kernel passes at once (SCM_MAX_FD).
const FDS_MAX: usize = 253;

/// What came through the socket.
#[derive(Debug, Default)]
struct Said {
    lines: Vec<String>,
    /// What was left, under its names, and systemd was not told to forget.
    stored: Vec<(String, OwnedFd)>,
    /// How often `SO_FAR` came.
    so_far_c: usize,
}

/// The socket and what came through it.
#[derive(Debug)]
pub struct Notify {
    path: PathBuf,
    heard: Heard,
    thread: Option<JoinHandle<()>>,
}

impl Notify {
    /// Binds the socket at `path`.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::bind(path)?;
        let heard = Heard::default();
        let thread = std::thread::spawn({
            let heard = Arc::clone(&heard);
            move || collect(&socket, &heard)
        });
        Ok(Self { path: path.to_owned(), heard, thread: Some(thread) })
    }

    /// The value for `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All lines so far, in order.
    pub fn lines(&self) -> Vec<String> {
        self.heard.0.lock().expect("the collector does not panic").lines.clone()
    }

    /// Waits until `wanted` says yes to the lines so far, or the patience ends; whether it did.
    pub fn wait(&self, patience: Duration, mut wanted: impl FnMut(&[String]) -> bool) -> bool {
        self.wait_for(patience, |said| wanted(&said.lines))
    }

    /// Forgets the lines so far, as those of a process that has ended.
    pub fn begin_anew(&self) {
        self.heard.0.lock().expect("the collector does not panic").lines.clear();
    }

    /// The descriptors that are stored, as they are passed to a process. All that was sent before is
    /// among them.
    pub fn stored(&self) -> io::Result<Vec<(String, OwnedFd)>> {
        let said = |said: &Said| said.so_far_c;
        let before = said(&self.heard.0.lock().expect("the collector does not panic"));
        self.send(SO_FAR)?;
        if !self.wait_for(Duration::from_secs(30), |now| said(now) > before) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let said = self.heard.0.lock().expect("the collector does not panic");
        said.stored.iter().map(|(name, fd)| Ok((name.clone(), fd.try_clone()?))).collect()
    }

    /// Stores a descriptor that nobody has sent.
    pub fn store(&self, name: &str, fd: OwnedFd) {
        let mut said = self.heard.0.lock().expect("the collector does not panic");
        said.stored.push((name.to_owned(), fd));
    }

    fn wait_for(&self, patience: Duration, mut wanted: impl FnMut(&Said) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let (said, changed) = &*self.heard;
        let mut guard = said.lock().expect("the collector does not panic");
        while !wanted(&guard) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            guard = changed.wait_timeout(guard, left).expect("the collector does not panic").0;
        }
        true
    }

    fn send(&self, text: &str) -> io::Result<()> {
        UnixDatagram::unbound()?.send_to(text.as_bytes(), &self.path).map(drop)
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        if self.send(HANG_UP).is_ok() {
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

fn collect(socket: &UnixDatagram, heard: &Heard) {
    while let Ok((text, fds)) = receive(socket) {
        if text == HANG_UP {
            return;
        }
        let (said, changed) = &**heard;
        let mut said = said.lock().expect("readers do not panic while they hold it");
        let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
        match (text.lines().next(), name) {
            (Some("FDSTORE=1"), Some(name)) => {
                said.stored.extend(fds.into_iter().map(|fd| (name.to_owned(), fd)));
            }
            (Some("FDSTOREREMOVE=1"), Some(name)) => said.stored.retain(|(kept, _)| kept != name),
            // BARRIER=1 among them: that its descriptor is closed here is the answer.
            _ => said.so_far_c += usize::from(text == SO_FAR),
        }
        said.lines.extend(text.lines().filter(|&line| line != SO_FAR).map(str::to_owned));
        changed.notify_all();
    }
}

/// The next datagram, with its descriptors.
fn receive(socket: &UnixDatagram) -> io::Result<(String, Vec<OwnedFd>)> {
    let mut buffer = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let into = &mut [IoSliceMut::new(&mut buffer)];
    let message = recvmsg(socket, into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for ancillary in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = ancillary {
            fds.extend(passed);
        }
    }
    Ok((String::from_utf8_lossy(&buffer[..message.bytes]).into_owned(), fds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::IoSlice;
    use std::os::fd::AsFd;

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    use crate::folder::Folder;

    #[test]
    fn what_is_stored_is_kept_until_it_is_removed() {
        let folder = Folder::new();
        let notify = Notify::bind(&folder.path().join("notify")).unwrap();
        let names = || -> Vec<String> {
            notify.stored().unwrap().into_iter().map(|(name, _)| name).collect()
        };
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        notify.store("a", one.into());
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(notify.path()).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [other.as_fd(), other.as_fd()];
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let text = [IoSlice::new(b"FDSTORE=1\nFDNAME=b\nFDPOLL=0")];
        sendmsg(&sender, &text, &mut control, SendFlags::empty()).unwrap();
        assert_eq!(names(), ["a", "b", "b"]);
        assert_eq!(names(), ["a", "b", "b"]);
        sender.send(b"FDSTOREREMOVE=1\nFDNAME=b").unwrap();
        assert_eq!(names(), ["a"]);
        assert_eq!(notify.lines().len(), 5);
        notify.begin_anew();
        assert_eq!((notify.lines().len(), names()), (0, vec!["a".to_owned()]));
    }

    #[test]
    fn lines_arrive_and_can_be_waited_for() {
        let folder = Folder::new();
        let notify = Notify::bind(&folder.path().join("notify")).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"STATUS=one\nREADY=1", notify.path()).unwrap();
        let ready = |lines: &[String]| lines.iter().any(|line| line == "READY=1");
        assert!(notify.wait(Duration::from_secs(10), ready));
        assert_eq!(notify.lines()[0], "STATUS=one");
        assert!(!notify.wait(Duration::from_millis(1), |lines| lines.len() > 2));
    }
}
