//! Listening sockets of the same address: which of them belong together, in the kernel's eyes too.
//! Not for: which worker polls which of them (`server::plumbing`).
//!
//! Sockets that share a port by `SO_REUSEPORT` form a *group*, in which the kernel numbers them in the
//! order in which they began to listen. systemd opens those of a `.socket` unit in the order of its
//! lines and passes them in that order, so a socket's place among those inherited is its number. Where
//! two units open sockets of the same address, and one of them is restarted, the numbers may be
//! others: connections are then served by another worker than is meant, and by eBPF, which knows the
//! sockets themselves, still by the right one.

use std::os::fd::AsFd;

use crate::sys::reuseport;
use crate::systemd::sockets::{Listener, LocalAddr};

/// Sockets of one address.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// Which of the inherited sockets they are, in ascending order.
    pub members: Vec<usize>,
    /// Whether they share a port of TCP, so that the kernel chooses among them.
    pub shares_port: bool,
}

impl Group {
    /// Whether each of so many workers has a socket of its own here.
    pub fn is_steerable(&self, worker_c: usize) -> bool {
        self.shares_port && worker_c > 1 && self.members.len() >= worker_c
    }
}

/// What sockets of one group have in common (`inet_reuseport_add_sock` of the kernel). All of them are
/// systemd's, and so of one user.
#[derive(PartialEq, Eq)]
struct Key<'l> {
    local: &'l LocalAddr,
    interface: i32,
    is_v6_only: bool,
    shares_port: bool,
}

impl<'l> Key<'l> {
    fn of(Listener { fd, local, .. }: &'l Listener) -> Self {
        let LocalAddr::Inet(address) = local else {
            return Self { local, interface: 0, is_v6_only: false, shares_port: false };
        };
        let fd = fd.as_fd();
        Self {
            local,
            // Kernels before 5.0 do not tell, and those sockets are then taken for alike.
            interface: reuseport::interface(fd).unwrap_or(0),
            is_v6_only: address.is_ipv6() && rustix::net::sockopt::ipv6_v6only(fd).unwrap_or(false),
            shares_port: rustix::net::sockopt::socket_reuseport(fd).unwrap_or(false),
        }
    }
}

/// All sockets by their groups, in the order of their first ones.
pub fn all(listeners: &[Listener]) -> Vec<Group> {
    let mut groups: Vec<(Key<'_>, Group)> = Vec::new();
    for (index, listener) in listeners.iter().enumerate() {
        let key = Key::of(listener);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.members.push(index),
            None => {
                let shares_port = key.shares_port;
                groups.push((key, Group { members: vec![index], shares_port }));
            }
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}
