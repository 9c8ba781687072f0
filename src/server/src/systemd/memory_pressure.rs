//! Who says that memory is short: `MemoryPressureWatch=` of systemd.resource-control(5), in the words of
//! systemd's memory pressure protocol (<https://systemd.io/PRESSURE/>).
//! Not for: what is given back then, and how often (the server).
//!
//! From version 254 on systemd names a file in `MEMORY_PRESSURE_WATCH`, and in `MEMORY_PRESSURE_WRITE` says
//! what is to be written to it first: how long threads must have waited for memory, within how long, to
//! be worth an event. The file is `memory.pressure` of the service's own control group (PSI, the pressure
//! stall information of the kernel), which systemd opens to it for this, in its sandbox too. Whoever wants
//! to say it himself names a FIFO or a unix socket instead. An older systemd sets no variable.

use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};

/// The name by which the protocol says that nothing is to be watched.
const NOTHING: &str = "/dev/null";

/// What is read at most in one look of what somebody else has written.
const READ_MAX: usize = 64 << 10;

/// A file that tells when memory is short.
#[derive(Debug)]
pub struct MemoryPressure {
    file: File,
    kind: Kind,
}

/// What its events are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// PSI: the kernel notes an event, and forgets it once it was looked at.
    Kernel,
    /// A FIFO or a socket: whatever can be read is an event, and is thrown away.
    Stream,
}

/// What a look at the file has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Nothing since the last look.
    Quiet,
    /// Memory is short, or was since the last look.
    Short,
    /// Nothing will ever come: the control group, or the other end, is gone.
    Over,
}

impl MemoryPressure {
    /// Watches what the environment names. `None` if that is nothing.
    ///
    /// # Errors
    /// If it names what cannot be watched, in words that name the variable.
    pub fn from_environment() -> Result<Option<Self>, String> {
        let Some(path) = env::var_os("MEMORY_PRESSURE_WATCH") else { return Ok(None) };
        if path.is_empty() || path == NOTHING {
            return Ok(None);
        }
        let path = Path::new(&path);
        let first = env::var("MEMORY_PRESSURE_WRITE").unwrap_or_default();
        let first = STANDARD
            .decode(first)
            .map_err(|error| format!("MEMORY_PRESSURE_WRITE is no base64: {error}"))?;
        Self::open(path, &first)
            .map(Some)
            .map_err(|error| format!("MEMORY_PRESSURE_WATCH={}: {error}", path.display()))
    }

    /// Watches a file, after these bytes have been written to it.
    ///
    /// # Errors
    /// Those of opening and writing; of PSI, `EINVAL` if the bytes are no trigger, and `EPERM` or
    /// `EOPNOTSUPP` if this process may have none.
    fn open(path: &Path, first: &[u8]) -> io::Result<Self> {
        let kind_of_file = path.metadata()?.file_type();
        let (mut file, kind) = if kind_of_file.is_socket() {
            let stream = UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            (File::from(OwnedFd::from(stream)), Kind::Stream)
        } else {
            // A FIFO is opened for writing too, so that it never ends while nobody else writes.
            let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let file = File::from(open(path, flags, Mode::empty())?);
            let is_stream = kind_of_file.is_fifo();
            (file, if is_stream { Kind::Stream } else { Kind::Kernel })
        };
        if !first.is_empty() {
            // One write, as the kernel takes it as one trigger.
            let count = file.write(first)?;
            if count < first.len() {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(Self { file, kind })
    }

    /// Looks whether there is news. Never waits.
    pub fn look(&mut self) -> Look {
        let wanted = match self.kind {
            Kind::Kernel => PollFlags::PRI,
            Kind::Stream => PollFlags::IN,
        };
        let mut fds = [PollFd::new(&self.file, wanted)];
        if poll(&mut fds, Some(&Timespec::default())).is_err() {
            return Look::Quiet; // EINTR: the next look will tell
        }
        let found = fds[0].revents();
        if found.contains(PollFlags::IN) && self.kind == Kind::Stream {
            return self.read_away();
        }
        if found.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            return Look::Over;
        }
        if found.contains(wanted) { Look::Short } else { Look::Quiet }
    }

    fn read_away(&mut self) -> Look {
        let mut buffer = [0; 4096];
        let mut read = 0;
        while read < READ_MAX {
            match self.file.read(&mut buffer) {
                Ok(0) => return if read == 0 { Look::Over } else { Look::Short },
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Look::Over,
            }
        }
        Look::Short
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, mkfifoat};

    use super::*;
    use crate::config::tests::Folder;

    #[test]
    fn a_fifo_tells_whenever_something_was_written_and_never_ends() {
        let folder = Folder::new("pressure-fifo");
        let path = folder.path().join("fifo");
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        let mut watch = MemoryPressure::open(&path, b"").unwrap();
        assert_eq!(watch.look(), Look::Quiet);
        for _ in 0..2 {
            std::fs::write(&path, "short\n").unwrap(); // opens and closes
            assert_eq!(watch.look(), Look::Short);
            assert_eq!(watch.look(), Look::Quiet);
        }
    }

    #[test]
    fn a_socket_is_told_first_what_is_wanted_and_ends_with_its_other_end() {
        let folder = Folder::new("pressure-socket");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut watch = MemoryPressure::open(&path, b"some 1 2\0").unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let mut first = [0; 9];
        other.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"some 1 2\0");
        assert_eq!(watch.look(), Look::Quiet);
        other.write_all(b"!").unwrap();
        assert_eq!(watch.look(), Look::Short);
        other.write_all(b"!").unwrap();
        drop(other);
        assert_eq!(watch.look(), Look::Short, "what was said before the end");
        assert_eq!(watch.look(), Look::Over);
    }

    #[test]
    fn much_that_was_written_is_one_event_in_bounded_looks() {
        let folder = Folder::new("pressure-much");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut watch = MemoryPressure::open(&path, b"").unwrap();
        let (mut other, _) = listener.accept().unwrap();
        other.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(count) = other.write(&[0; 4096]) {
            written += count;
        }
        assert!(written > READ_MAX, "{written}");
        let mut looks = 0;
        while watch.look() == Look::Short {
            looks += 1;
        }
        assert!((2..=written / READ_MAX + 1).contains(&looks), "{looks} for {written} bytes");
    }

    #[test]
    fn what_is_no_trigger_or_not_there_is_an_error() {
        let nowhere = MemoryPressure::open(Path::new("/nonexistent"), b"").unwrap_err();
        assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
    }
}
