//! The service manager's end of sd_notify(3): a datagram socket that collects what a daemon says
//! about itself (`READY=1`, `STATUS=...`). A thread empties it, so that a talkative daemon never
//! blocks on a test that does not listen.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

type Lines = Arc<(Mutex<Vec<String>>, Condvar)>;

/// Ends the collecting thread; no service says it.
const HANG_UP: &str = "X_TEST_HANG_UP=1";

/// The socket and what came through it.
#[derive(Debug)]
pub struct Notify {
    path: PathBuf,
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

impl Notify {
    /// Binds the socket at `path`.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::bind(path)?;
        let lines = Lines::default();
        let thread = std::thread::spawn({
            let lines = Arc::clone(&lines);
            move || collect(&socket, &lines)
        });
        Ok(Self { path: path.to_owned(), lines, thread: Some(thread) })
    }

    /// The value for `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All lines so far, in order.
    pub fn lines(&self) -> Vec<String> {
        self.lines.0.lock().expect("the collector does not panic").clone()
    }

    /// Waits until `wanted` says yes to the lines so far, or the patience ends; whether it did.
    pub fn wait(&self, patience: Duration, mut wanted: impl FnMut(&[String]) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let (lines, changed) = &*self.lines;
        let mut guard = lines.lock().expect("the collector does not panic");
        while !wanted(&guard) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            guard = changed.wait_timeout(guard, left).expect("the collector does not panic").0;
        }
        true
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        let sent = UnixDatagram::unbound().and_then(|s| s.send_to(HANG_UP.as_bytes(), &self.path));
        if sent.is_ok() {
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

fn collect(socket: &UnixDatagram, lines: &Lines) {
    let mut buffer = [0; 4096];
    while let Ok(len) = socket.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..len]);
        if text == HANG_UP {
            return;
        }
        let (lines, changed) = &**lines;
        lines
            .lock()
            .expect("readers do not panic while they hold it")
            .extend(text.lines().map(str::to_owned));
        changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

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
