//! The sketches against exact counts.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// Addresses under limits that stay as they are.
struct Limited {
    addresses: Addresses,
    limits: PerAddress,
}

impl Limited {
    fn admit(&self, ip: IpAddr, now: Millis) -> Result<Ticket, TooMany> {
        self.addresses.admit(ip, now, &self.limits)
    }
}

impl std::ops::Deref for Limited {
    type Target = Addresses;

    fn deref(&self) -> &Addresses {
        &self.addresses
    }
}

fn per_address(connections: u64, handshakes: u64) -> PerAddress {
    let (connections, handshakes) = (NonZeroU64::new(connections), NonZeroU64::new(handshakes));
    PerAddress { connections, handshakes }
}

fn limits(connection_c: usize, connections: u64, handshakes: u64) -> Limited {
    let addresses = Addresses::new(connection_c);
    Limited { addresses, limits: per_address(connections, handshakes) }
}

fn v4(number: u32) -> IpAddr {
    Ipv4Addr::from(number).into()
}

const NOW: Millis = Millis(5_000);

#[test]
fn an_address_has_its_connections_and_no_more_until_one_ends() {
    let addresses = limits(4096, 3, 0);
    let mut tickets: Vec<Ticket> = (0..3).map(|_| addresses.admit(v4(1), NOW).unwrap()).collect();
    assert_eq!(addresses.admit(v4(1), NOW).unwrap_err(), TooMany::Connections);
    assert!(addresses.admit(v4(2), NOW).is_ok());
    addresses.release(tickets.pop().unwrap());
    tickets.push(addresses.admit(v4(1), NOW).unwrap());
    assert_eq!(addresses.admit(v4(1), NOW).unwrap_err(), TooMany::Connections);
}

#[test]
fn limits_hold_for_what_came_before_them() {
    let mut addresses = limits(4096, 0, 0);
    let tickets: Vec<_> = (0..100).map(|_| addresses.admit(v4(1), NOW).unwrap()).collect();
    addresses.limits = per_address(99, 2);
    assert_eq!(addresses.admit(v4(1), NOW).unwrap_err(), TooMany::Connections);
    tickets.into_iter().for_each(|ticket| addresses.release(ticket));
    assert_eq!((0..10).filter(|_| addresses.admit(v4(1), NOW).is_ok()).count(), 2);
    addresses.limits = per_address(3, 100);
    // The second of handshakes that was used up at the lower rate is used up.
    assert_eq!(addresses.admit(v4(1), NOW).unwrap_err(), TooMany::Handshakes);
    let later = NOW + std::time::Duration::from_millis(500);
    assert!(addresses.admit(v4(1), later).is_ok());
    assert_eq!(addresses.admit(v4(1), later).unwrap_err(), TooMany::Connections);
}

#[test]
fn of_ipv6_a_network_counts_and_mapped_addresses_are_those_of_ipv4() {
    let addresses = limits(4096, 1, 0);
    let admit = |ip: &str| addresses.admit(ip.parse().unwrap(), NOW).map(drop);
    assert_eq!(admit("2001:db8:0:1::1"), Ok(()));
    assert_eq!(admit("2001:db8:0:1:ffff:ffff:ffff:ffff"), Err(TooMany::Connections));
    assert_eq!(admit("2001:db8:0:2::1"), Ok(()));
    assert_eq!(admit("192.0.2.7"), Ok(()));
    assert_eq!(admit("::ffff:192.0.2.7"), Err(TooMany::Connections));
    assert_eq!(admit("::ffff:192.0.2.8"), Ok(()));
    // The mapped ones are no /64 of their own.
    assert_eq!(admit("::1:0:0:1"), Ok(()));
}

#[test]
fn a_second_of_handshakes_may_come_at_once_and_then_one_per_interval() {
    let addresses = limits(4096, 0, 50);
    let admit = |ip, at| addresses.admit(v4(ip), Millis(at)).is_ok();
    assert_eq!((0..200).filter(|_| admit(1, 5_000)).count(), 50);
    assert!(admit(2, 5_000));
    assert_eq!(addresses.admit(v4(1), Millis(5_019)).unwrap_err(), TooMany::Handshakes);
    assert!(admit(1, 5_020));
    assert!(!admit(1, 5_020));
    // Three intervals, three handshakes.
    assert_eq!((0..200).filter(|_| admit(1, 5_080)).count(), 3);
    assert_eq!((0..200).filter(|_| admit(1, 20_000)).count(), 50);
    // A slow but steady client never meets the limit.
    assert!((0..500).all(|i| admit(3, 5_000 + i * 20)));
}

#[test]
fn a_refused_handshake_holds_no_connection() {
    let addresses = limits(4096, 100, 1);
    let ticket = addresses.admit(v4(1), NOW).unwrap();
    assert_eq!(addresses.admit(v4(1), NOW).unwrap_err(), TooMany::Handshakes);
    addresses.release(ticket);
    assert!(addresses.is_empty());
}

/// With a full house of different addresses no row is trusted alone.
#[test]
fn strangers_in_its_cells_do_not_count_against_an_address() {
    let (connection_c, limit) = (1 << 12, 8);
    let addresses = limits(connection_c, limit, 0);
    for number in 0..connection_c as u32 {
        assert!(addresses.admit(v4(number), NOW).is_ok(), "{number}");
    }
    // Four in a cell of each of four rows: one in more than 10^8.
    for number in 0..100 {
        let more = (0..limit).filter(|_| addresses.admit(v4(!number), NOW).is_ok()).count();
        assert!(more as u64 >= limit - 4, "{more}");
    }
    let crowded = addresses.connections.iter().map(|cell| cell.load(Ordering::Relaxed)).max();
    assert!(crowded > Some(1), "cells are shared");
}

/// One row of cells that an address shares with a heavy one must not decide.
#[test]
fn a_row_that_others_have_used_up_does_not_decide() {
    let addresses = limits(4096, 5, 5);
    let places = addresses.places(addresses.hash(v4(1)));
    for &at in &places[..ROWS - 1] {
        addresses.connections[at].store(1000, Ordering::Relaxed);
        addresses.handshakes[at].store(NOW.0 * 1_000_000 + SECOND, Ordering::Relaxed);
    }
    assert_eq!((0..50).filter(|_| addresses.admit(v4(1), NOW).is_ok()).count(), 5);
}

#[test]
fn workers_together_admit_exactly_the_limit() {
    let (addresses, limit) = (limits(64, 100, 0), 100);
    for _ in 0..1000 {
        let admit = || addresses.admit(v4(7), NOW).ok();
        let admitted: Vec<Ticket> = std::thread::scope(|scope| {
            let worker = move || (0..80).filter_map(|_| admit()).collect::<Vec<_>>();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        // Two that ask for the last place at the same moment may both be refused.
        assert!(admitted.len() <= limit && admitted.len() > limit - 4, "{}", admitted.len());
        admitted.into_iter().for_each(|ticket| addresses.release(ticket));
        assert!(addresses.is_empty());
    }
}

/// What happens to a sketch: connections of one of a few addresses, and ends.
fn steps() -> impl Strategy<Value = Vec<(u32, bool, u64)>> {
    proptest::collection::vec((0u32..40, any::<bool>(), 0u64..40), 0..400)
}

proptest! {
    /// Few addresses in large rows: exact. The same in rows of two cells: never too little.
    #[test]
    fn counts_are_never_too_low_and_exact_with_few_addresses(
        steps in steps(), limit in 1u64..12, is_tight: bool,
    ) {
        let mut addresses = limits(1 << 12, limit, 0);
        if is_tight {
            addresses.addresses.bits = 1;
        }
        let mut held: HashMap<u32, Vec<Ticket>> = HashMap::new();
        for (ip, is_end, _) in steps {
            let of_ip = held.entry(ip).or_default();
            if is_end {
                of_ip.pop().into_iter().for_each(|ticket| addresses.release(ticket));
                continue;
            }
            let admitted = addresses.admit(v4(ip), NOW);
            let has_room = (of_ip.len() as u64) < limit;
            prop_assert!(is_tight || admitted.is_ok() == has_room);
            prop_assert!(has_room || admitted.is_err());
            of_ip.extend(admitted.ok());
        }
        held.into_values().flatten().for_each(|ticket| addresses.release(ticket));
        prop_assert!(addresses.is_empty());
    }

    /// The same of handshakes, against one exact clock per address.
    #[test]
    fn handshakes_are_never_too_many_and_exact_with_few_addresses(
        steps in steps(), rate in 1u64..12, is_tight: bool,
    ) {
        let mut addresses = limits(1 << 12, 0, rate);
        if is_tight {
            addresses.addresses.bits = 1;
        }
        let (mut dues, mut now): (HashMap<u32, u64>, u64) = (HashMap::new(), 0);
        for (ip, _, wait) in steps {
            now += wait;
            let admitted = addresses.admit(v4(ip % 5), Millis(now)).is_ok();
            let due = dues.entry(ip % 5).or_default();
            let next = (*due).max(now * 1_000_000) + SECOND / rate;
            let has_time = next <= now * 1_000_000 + SECOND;
            prop_assert!(is_tight || admitted == has_time);
            prop_assert!(has_time || !admitted);
            if admitted {
                *due = next;
            }
        }
    }

    #[test]
    fn any_address_has_a_place_in_each_row(octets: [u8; 16], connection_c in 1usize..(1 << 11)) {
        let addresses = limits(connection_c, 1, 1);
        let ip = IpAddr::from(Ipv6Addr::from(octets));
        let places = addresses.places(addresses.hash(ip));
        let width = addresses.connections.len() / ROWS;
        for (row, at) in places.into_iter().enumerate() {
            prop_assert_eq!(at / width, row);
        }
    }
}
