//! systemd's store of descriptors: what a service leaves there is passed to its next process. See
//! `FDSTORE=1`, `FDSTOREREMOVE=1` and `BARRIER=1` of sd_notify(3), `FileDescriptorStoreMax=` of
//! systemd.service(5).
//! Not for: what is left (`handover`), or taking it (`super::inherited`).

use std::env;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::time::Duration;

use crate::sys::pass_fds;

/// How long systemd may take to make room for a datagram. It reads them between its other work.
const SEND_WAIT: Duration = Duration::from_secs(5);

/// The way to the store.
#[derive(Debug)]
pub struct Store {
    socket: UnixDatagram,
}

impl Store {
    /// The way that `NOTIFY_SOCKET` names; `None` without that variable, as under a shell.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn find() -> io::Result<Option<Self>> {
        env::var_os("NOTIFY_SOCKET").map(|path| Self::at(path.as_bytes())).transpose()
    }

    /// The way through the socket at a path, or under an abstract name where that begins with `@`.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn at(path: &[u8]) -> io::Result<Self> {
        Self::with_patience(path, SEND_WAIT)
    }

    /// The same, with another time that a datagram may take: `WouldBlock` comes after it.
    fn with_patience(path: &[u8], patience: Duration) -> io::Result<Self> {
        let address = match path.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_write_timeout(Some(patience))?;
        Ok(Self { socket })
    }

    /// Leaves descriptors under a name; no colon may be in it. They stay open here too. systemd does
    /// not say whether it has kept them: `FileDescriptorStoreMax=` may have no room.
    ///
    /// # Errors
    /// If the datagram cannot be sent, or not in time.
    pub fn leave(&self, name: &str, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        debug_assert!(!name.contains([':', '\n']));
        // Not to be polled (systemd 246 and later): it would drop whatever looks hung up.
        let text = format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0");
        pass_fds::send(&self.socket, text.as_bytes(), fds)
    }

    /// Has all descriptors of that name forgotten.
    ///
    /// # Errors
    /// If the datagram cannot be sent.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let text = format!("FDSTOREREMOVE=1\nFDNAME={name}");
        pass_fds::send(&self.socket, text.as_bytes(), &[])
    }

    /// Waits until systemd has dealt with all that was sent before. Of a process that is gone it may not
    /// find out which service that was (sd_notify(3)), and ignore what it has sent.
    ///
    /// # Errors
    /// `WouldBlock` after `patience`; or if the datagram cannot be sent.
    pub fn wait(&self, patience: Duration) -> io::Result<()> {
        // Any descriptor will do: that systemd closes it is the answer.
        let (mut here, there) = UnixStream::pair()?;
        pass_fds::send(&self.socket, b"BARRIER=1", &[there.as_fd()])?;
        drop(there);
        here.set_read_timeout(Some(patience))?;
        here.read(&mut [0]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_read_is_not_waited_for_forever() {
        let name = format!("ringsocket-test-deaf-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let _deaf = UnixDatagram::bind_addr(&address).unwrap();
        let patience = Duration::from_millis(20);
        let store = Store::with_patience(format!("@{name}").as_bytes(), patience).unwrap();
        // The queue of a datagram socket has room for some (net.unix.max_dgram_qlen).
        let mut results = (0..100_000).map(|_| store.remove("anything"));
        let error = results.find_map(Result::err).expect("a queue that is full");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for_forever() {
        let name = format!("ringsocket-test-silent-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        assert!(Store::at(format!("@{name}").as_bytes()).is_err(), "nobody listens yet");
        let silent = UnixDatagram::bind_addr(&address).unwrap();
        let store = Store::at(format!("@{name}").as_bytes()).unwrap();
        let error = store.wait(Duration::from_millis(20)).expect_err("nobody answers");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        // Reading it without room for descriptors closes them, which is an answer.
        silent.recv(&mut [0; 9]).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| silent.recv(&mut [0; 9]).unwrap());
            store.wait(Duration::from_secs(30)).expect("an answer");
        });
    }
}
