//! Which worker gets which connection, where ports have a listening socket for each worker: workers are
//! pinned to CPUs, and the kernel gives a new connection to the worker of the CPU that received it.
//! So a connection's packets are dealt with by one CPU from the network card to the app, whose cache has
//! them then.
//! Not for: sharing sockets out (`server::plumbing`), or spreading work among apps.
//!
//! Only where all of it holds: a CPU for each worker, and sockets that share a port (`ReusePort=` of
//! systemd.socket(5)), at least one for each worker. Everywhere else the scheduler moves the threads,
//! and the kernel spreads connections by a hash. Whatever is not to be had here (rights, an old
//! kernel) is said once, and serving goes on without it.

mod cbpf;
pub mod control;
mod ebpf;
pub mod group;
pub mod oneshot;
pub mod pinning;
mod wire;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::group::Group;
use self::pinning::Pinning;
use self::wire::{Seat, Seating};
use crate::config::Config;
use crate::log;
use crate::sys::reuseport;
use crate::systemd::sockets::Listener;

/// What is done about it in this process.
#[derive(Debug)]
pub struct Plan {
    worker_c: usize,
    /// The CPU of each worker; `None`: the scheduler puts them where it likes.
    cpus: Option<Vec<usize>>,
    /// All sockets that share ports.
    groups: Vec<Group>,
    /// Whether a classic program chooses now.
    is_classic: AtomicBool,
    /// Set when too few CPUs were found to receive connections. Holds until the next start.
    is_given_up: AtomicBool,
}

impl Plan {
    /// For these sockets, and the CPUs that this process may use.
    pub fn of(config: &Config, listeners: &[Listener]) -> Self {
        let worker_c = config.worker_c;
        let groups: Vec<_> =
            group::all(listeners).into_iter().filter(|group| group.shares_port).collect();
        let is_of_use = groups.iter().any(|group| group.is_steerable(worker_c));
        let mine = pinning::allowed();
        let cpus = pinning::assign(&config.worker_cpus, worker_c, is_of_use, &mine);
        Self { worker_c, cpus, groups, is_classic: false.into(), is_given_up: false.into() }
    }

    /// Where each worker is to run; `None`: anywhere.
    pub fn pinning(&self) -> Option<Arc<Pinning>> {
        self.cpus.clone().map(|cpus| Arc::new(Pinning::new(cpus)))
    }

    /// Has the kernel steer new connections by this plan. Sockets outlive the daemon in systemd's hands,
    /// and so does what an earlier one has attached to them: it is replaced, or taken off.
    pub fn enforce(&self, listeners: &[Listener]) {
        let is_wanted = !self.is_given_up.load(Ordering::Relaxed);
        for group in &self.groups {
            let Listener { fd, local, .. } = &listeners[group.members[0]];
            let cpus = self.cpus.as_ref();
            let cpus = cpus.filter(|_| is_wanted && group.is_steerable(self.worker_c));
            let result = match cpus {
                Some(cpus) => reuseport::attach_classic(fd, &cbpf::program(cpus)),
                None => reuseport::detach(fd),
            };
            match (result, cpus) {
                (Ok(()), Some(cpus)) => {
                    self.is_classic.store(true, Ordering::Relaxed);
                    log::notice!(
                        "{local}: connections go to the worker of the CPU that receives them; the \
                         CPUs of the workers are {}",
                        words(cpus)
                    );
                }
                (Ok(()), None) => log::debug!("{local}: connections are spread by a hash"),
                (Err(error), _) => complain(local, &error),
            }
        }
    }

    /// Another program chooses from now on, which sees to it that no worker has too many.
    fn make_way(&self) {
        self.is_classic.store(false, Ordering::Relaxed);
    }

    /// Looks whether CPUs receive connections evenly, by how many each worker has. If not, as with network
    /// cards of one queue, they are spread by a hash from now on: a near worker is of no use that has
    /// everything to do while the others are idle.
    pub fn watch(&self, listeners: &[Listener], open: &[usize]) {
        if !self.is_classic.load(Ordering::Relaxed) || !is_skewed(open) {
            return;
        }
        log::notice!(
            "too few CPUs receive connections, of which the workers have {} now; from here on they \
             are spread by a hash. docs/steering.md tells what can be done",
            words(open)
        );
        self.is_given_up.store(true, Ordering::Relaxed);
        self.make_way();
        self.enforce(listeners);
    }

    /// Which socket is whose, for who loads eBPF.
    fn seating(&self, listeners: &[Listener]) -> io::Result<Seating> {
        let mut seats = Vec::new();
        let steerable = self.groups.iter().filter(|group| group.is_steerable(self.worker_c));
        for (number, group) in steerable.enumerate() {
            for (place, &member) in group.members.iter().enumerate() {
                let cookie = rustix::net::sockopt::socket_cookie(&listeners[member].fd)?;
                seats.push(Seat { cookie, group: number, worker: place % self.worker_c });
            }
        }
        Ok(Seating { worker_c: self.worker_c, cpus: self.cpus.clone(), seats })
    }
}

/// Whether a worker has half as many again as the mean, of so many that this is no chance.
fn is_skewed(open: &[usize]) -> bool {
    let (total, most) = (open.iter().sum::<usize>(), open.iter().max().copied().unwrap_or(0));
    total >= 128 * open.len() && 2 * most * open.len() > 3 * total
}

fn complain(local: &impl std::fmt::Display, error: &io::Error) {
    log::notice!(
        "{local}: connections are not steered by CPU: {error}; serving goes on without it"
    );
}

/// Numbers with spaces between.
fn words(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}
