//! A TCP relay that passes bytes on in pieces of random sizes, so that what is written in one call is
//! read in many, cut anywhere. Contents are not looked at: what is TLS stays so.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::prng::Prng;

/// A relay to one address; once it is dropped it takes no more connections.
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Cutter {
    /// Relays to `to`, in pieces of 1 to `largest` bytes that follow from `seed`.
    pub fn start(to: SocketAddr, seed: u64, largest: usize) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || relay(&listener, to, seed, largest, &is_over)
        });
        Ok(Self { address, is_over, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // One more connection wakes the thread up, which then sees that it is over.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn relay(listener: &TcpListener, to: SocketAddr, seed: u64, largest: usize, is_over: &AtomicBool) {
    for (number, client) in listener.incoming().enumerate() {
        if is_over.load(Ordering::Acquire) {
            break;
        }
        // Who cannot be relayed sees an end.
        let Ok((client, server)) = client.and_then(|client| Ok((client, TcpStream::connect(to)?)))
        else {
            continue;
        };
        let both = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
        for (way, (from, to)) in both.into_iter().enumerate() {
            let (Ok(from), Ok(to)) = (from, to) else { continue };
            let prng = Prng::new(seed ^ (2 * number + way) as u64);
            // Ends with its streams.
            std::thread::spawn(move || pass_on(&from, &to, prng, largest));
        }
    }
}

/// Until the end of the stream, which is passed on too; or until the other side takes no more.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream, mut prng: Prng, largest: usize) {
    let mut buffer = vec![0; 0x10000];
    // Without it the kernel would put pieces together that wait for an acknowledgement.
    let _ = to.set_nodelay(true);
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        let mut rest = &buffer[..len];
        while !rest.is_empty() {
            let piece = rest.len().min(1 + prng.below(largest as u64) as usize);
            if to.write_all(&rest[..piece]).is_err() {
                // The sender learns of it as if it had talked to that side.
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
            rest = &rest[piece..];
            // So that the reader has a chance to see this piece by itself.
            std::thread::yield_now();
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_arrive_in_order_in_both_directions_and_the_end_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cutter = Cutter::start(listener.local_addr().unwrap(), 3, 100).unwrap();
        let mut bytes = vec![0; 20_000];
        Prng::new(9).fill(&mut bytes);
        let mut client = TcpStream::connect(cutter.address()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&bytes).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut got = Vec::new();
        server.read_to_end(&mut got).unwrap();
        assert_eq!(got, bytes);
        server.write_all(b"and back").unwrap();
        drop(server);
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert_eq!(got, "and back");
    }
}
