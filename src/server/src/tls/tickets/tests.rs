//! When keys of tickets take turns, what they open, and how they are handed on.

use super::key::{EXPORTED_LEN, MOST_TICKETS};
use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);
const MOMENT: Duration = Duration::from_millis(1);

fn new() -> (TicketKeys, Instant) {
    let now = Instant::now();
    (TicketKeys::of(Key::new(now).unwrap(), None), now)
}

/// The name of the key that has sealed a ticket.
fn name(ticket: &[u8]) -> &[u8] {
    &ticket[..16]
}

/// The keys that another process reads, later on.
fn handed_on(keys: &TicketKeys, now: Instant, later: Instant) -> TicketKeys {
    TicketKeys::import_at(&keys.export_at(now), later).unwrap()
}

#[test]
fn a_key_seals_for_6_hours_and_opens_for_12() {
    let (keys, start) = new();
    let first = keys.seal_at(b"first", start).unwrap();
    let last = keys.seal_at(b"last", start + 6 * HOUR - MOMENT).unwrap();
    assert_eq!(name(&first), name(&last));
    let next = keys.seal_at(b"next", start + 6 * HOUR).unwrap();
    assert_ne!(name(&next), name(&last), "the next key");
    let end = start + 12 * HOUR;
    for ticket in [&first, &last] {
        assert!(keys.open_at(ticket, end - MOMENT).is_some());
        assert_eq!(keys.open_at(ticket, end), None, "too old, though the key is still there");
    }
    let after = keys.seal_at(b"after", end).unwrap();
    assert_ne!(name(&after), name(&next));
    assert_eq!(keys.open_at(&next, end).as_deref(), Some(&b"next"[..]));
    let names: Vec<_> = keys.read().previous.iter().map(|key| key.is_named_in(&next)).collect();
    assert_eq!(names, [true], "the first key is gone");
}

#[test]
fn after_a_long_silence_no_old_key_is_kept() {
    let (keys, start) = new();
    let ticket = keys.seal_at(b"long ago", start).unwrap();
    let later = start + 12 * HOUR;
    keys.seal_at(b"now", later).unwrap();
    assert!(keys.read().previous.is_none());
    assert_eq!(keys.open_at(&ticket, later), None);
}

#[test]
fn clients_are_told_for_how_long_a_ticket_is_good() {
    let (keys, start) = new();
    for at in [Duration::ZERO, HOUR, 6 * HOUR - MOMENT, 6 * HOUR, 9 * HOUR] {
        let now = start + at;
        let ticket = keys.seal_at(b"session", now).unwrap();
        let lifetime = keys.lifetime_at(now);
        assert!(lifetime >= 6 * HOUR && lifetime <= 12 * HOUR);
        assert!(keys.open_at(&ticket, now + lifetime - MOMENT).is_some());
        assert_eq!(keys.open_at(&ticket, now + lifetime), None);
    }
    let lifetime = Bound::new(new().0, b"").lifetime();
    assert!((11 * 60 * 60..=12 * 60 * 60).contains(&lifetime), "{lifetime} s");
}

#[test]
fn a_key_is_worn_out_by_as_many_tickets_as_random_nonces_allow() {
    let (keys, start) = new();
    let mut bytes = keys.export_at(start);
    let count_at = bytes.len() - 8;
    bytes[count_at..].copy_from_slice(&(MOST_TICKETS - 1).to_be_bytes());
    let keys = TicketKeys::import_at(&bytes, start).unwrap();
    let last = keys.seal_at(b"last", start).unwrap();
    // The count is handed on, too.
    let keys = handed_on(&keys, start, start);
    let next = keys.seal_at(b"next", start).unwrap();
    assert_ne!(name(&last), name(&next));
    assert_eq!(keys.open_at(&last, start).as_deref(), Some(&b"last"[..]));
}

#[test]
fn no_two_tickets_are_alike() {
    let (keys, now) = new();
    let mut tickets: Vec<_> = (0..1000).map(|_| keys.seal_at(b"same", now).unwrap()).collect();
    tickets.sort();
    tickets.dedup_by(|one, other| one[16..28] == other[16..28]);
    assert_eq!(tickets.len(), 1000);
    assert!(tickets.iter().all(|ticket| ticket.len() == 16 + 12 + 4 + 16));
}

#[test]
fn a_ticket_that_was_changed_is_none() {
    let ((keys, now), (others, _)) = (new(), new());
    let ticket = keys.seal_at(b"a session", now).unwrap();
    assert_eq!(keys.open_at(&ticket, now).as_deref(), Some(&b"a session"[..]));
    assert_eq!(others.open_at(&ticket, now), None, "of other keys");
    for len in 0..ticket.len() {
        assert_eq!(keys.open_at(&ticket[..len], now), None, "cut to {len} bytes");
    }
    for bit in 0..ticket.len() * 8 {
        let mut ticket = ticket.clone();
        ticket[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keys.open_at(&ticket, now), None, "bit {bit}");
    }
    let longer = [&ticket[..], &[0]].concat();
    assert_eq!(keys.open_at(&longer, now), None);
}

#[test]
fn keys_go_on_in_another_process_as_old_as_they_were() {
    let (keys, start) = new();
    let old = keys.seal_at(b"old", start).unwrap();
    let turned = start + 7 * HOUR;
    let young = keys.seal_at(b"young", turned).unwrap();
    // Another clock.
    let (now, later) = (start + 9 * HOUR, start + 1000 * HOUR);
    let next = handed_on(&keys, now, later);
    assert_eq!(next.open_at(&old, later).as_deref(), Some(&b"old"[..]));
    assert_eq!(next.open_at(&young, later).as_deref(), Some(&b"young"[..]));
    assert_eq!(next.lifetime_at(later), 10 * HOUR);
    assert_eq!(next.open_at(&old, later + 3 * HOUR), None);
    assert_eq!(name(&next.seal_at(b"", later + 4 * HOUR - MOMENT).unwrap()), name(&young));
    assert_ne!(name(&next.seal_at(b"", later + 4 * HOUR).unwrap()), name(&young));
    assert!(keys.open_at(&next.seal_at(b"", later).unwrap(), now).is_none(), "a key of its own");
}

#[test]
fn exported_keys_stay_as_they_are() {
    let now = Instant::now();
    let key = |byte: u8, minutes: u64| {
        let times = [(minutes * 60_000).to_be_bytes(), u64::from(byte).to_be_bytes()];
        [vec![byte; 48], times.concat()].concat()
    };
    for keys in [vec![key(1, 700)], vec![key(1, 700), key(2, 340)]] {
        let bytes = [&[1, keys.len() as u8][..], &keys.concat()].concat();
        let read = TicketKeys::import_at(&bytes, now).unwrap();
        assert_eq!(read.export_at(now).as_slice(), bytes);
        assert_eq!(format!("{read:?}{:?}", read.read().current), "TicketKeysKey { .. }");
    }
}

#[test]
fn other_bytes_are_no_keys() {
    let (keys, now) = new();
    keys.seal_at(b"", now + 7 * HOUR).unwrap();
    let bytes = keys.export_at(now + 7 * HOUR);
    assert_eq!(bytes.len(), 2 + 2 * EXPORTED_LEN);
    assert!(TicketKeys::import(&bytes).is_ok());
    for len in (0..bytes.len()).filter(|&len| len != 2 + EXPORTED_LEN) {
        assert_eq!(TicketKeys::import(&bytes[..len]).err(), Some(BadTicketKeys), "{len} bytes");
    }
    let with = |at: usize, byte: u8| {
        let mut changed = bytes.to_vec();
        changed[at] = byte;
        TicketKeys::import(&changed).err()
    };
    for (at, byte) in [(0, 0), (0, 2), (1, 0), (1, 1), (1, 3), (1, 0xff)] {
        assert_eq!(with(at, byte), Some(BadTicketKeys), "{byte} at {at}");
    }
    // A key that would never end.
    let time_at = 2 + 48;
    for at in [time_at, time_at + EXPORTED_LEN] {
        assert_eq!(with(at, 0xff), Some(BadTicketKeys));
        assert_eq!(with(at + 4, 3), Some(BadTicketKeys), "50331648 ms are 14 hours");
    }
    assert!(TicketKeys::import(&[&bytes[..], &[0]].concat()).is_err());
}
