//! How fast one peer may send: messages and bytes per second, each with a burst of one second's
//! worth. Who sends more is closed with 1008.
//!
//! Not for: what one message may be (the protocol's limits), or what the peers of one address may
//! do together.
//!
//! Token buckets, whose contents are whole numbers of thousandths, so that nothing is rounded. A
//! peer that is not read for a while is owed that time in full: what it sent at its own pace waits
//! in the kernel meanwhile, and then comes all at once.

use std::num::NonZeroU64;

use ringsocket_proto::{CloseCode, Millis, Phase};
use serde::{Deserialize, Serialize};

use super::net::Net;
use super::peer::Peer;
use super::{Worker, count};
use crate::log::{self, Level};

/// What one connection may send per second; `None`: as much as comes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rates {
    /// Messages, pings and pongs.
    pub messages: Option<NonZeroU64>,
    /// Bytes, as they come from the socket.
    pub bytes: Option<NonZeroU64>,
}

/// What a peer may still send. Only peers that have a limit have one.
#[derive(Debug, Serialize, Deserialize)]
pub struct Allowance {
    messages: Option<Bucket>,
    bytes: Option<Bucket>,
    /// Since when the peer is not read, although something may have come.
    held_since: Option<Millis>,
}

impl Allowance {
    /// That of a new connection; `None` if nothing is limited.
    pub fn new(rates: &Rates, now: Millis) -> Option<Box<Self>> {
        if rates.messages.is_none() && rates.bytes.is_none() {
            return None;
        }
        let bucket = |rate| Bucket::new(rate, now);
        let (messages, bytes) = (rates.messages.map(bucket), rates.bytes.map(bucket));
        Some(Box::new(Self { messages, bytes, held_since: None }))
    }

    /// The peer is not to be read from `now` on until something is taken again.
    pub fn hold(&mut self, now: Millis) {
        self.held_since.get_or_insert(now);
    }

    /// Counts one message or control frame. False if it is one too many.
    pub fn take_message(&mut self, now: Millis) -> bool {
        self.release(now);
        self.messages.as_mut().is_none_or(|bucket| bucket.take(1, now))
    }

    /// Counts bytes. False if they are too many.
    pub fn take_bytes(&mut self, count: usize, now: Millis) -> bool {
        self.release(now);
        self.bytes.as_mut().is_none_or(|bucket| bucket.take(count as u64, now))
    }

    /// The peer is read again.
    fn release(&mut self, now: Millis) {
        if let Some(since) = self.held_since.take() {
            for bucket in self.messages.iter_mut().chain(&mut self.bytes) {
                bucket.repay(since, now);
            }
        }
    }
}

/// A token bucket.
#[derive(Debug, Serialize, Deserialize)]
struct Bucket {
    /// Tokens per second, which is also how many it holds; thousandths per millisecond.
    rate: u64,
    /// Thousandths of tokens.
    left: u64,
    /// When `left` was right.
    at: Millis,
}

impl Bucket {
    fn new(rate: NonZeroU64, at: Millis) -> Self {
        Self { rate: rate.get(), left: rate.get().saturating_mul(1000), at }
    }

    fn take(&mut self, tokens: u64, now: Millis) -> bool {
        self.refill(now);
        let left = self.left.checked_sub(tokens.saturating_mul(1000));
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// Adds what has come since, up to what the bucket holds. What was repaid beyond that stays.
    fn refill(&mut self, now: Millis) {
        let full = self.rate.saturating_mul(1000);
        self.left = self.left.max(full.min(self.left.saturating_add(self.grown(now))));
        self.at = self.at.max(now);
    }

    /// Adds all of what has come since `since`, whatever the bucket holds.
    fn repay(&mut self, since: Millis, now: Millis) {
        self.refill(since);
        self.left = self.left.saturating_add(self.grown(now));
        self.at = self.at.max(now);
    }

    fn grown(&self, now: Millis) -> u64 {
        self.rate.saturating_mul(now.0.saturating_sub(self.at.0))
    }
}

/// What a peer sends too much of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Excess {
    Messages,
    Bytes,
}

impl Excess {
    /// What the peer and its app are told.
    fn why(self) -> &'static str {
        match self {
            Self::Messages => "you send too many messages",
            Self::Bytes => "you send too many bytes",
        }
    }

    /// What it is, and the setting that limits it, for the operator.
    fn what(self) -> (&'static str, &'static str) {
        match self {
            Self::Messages => ("messages", "max_ws_msg_rate"),
            Self::Bytes => ("bytes", "max_ws_byte_rate"),
        }
    }
}

/// Has other rates hold for an open connection. What it may still send of a second's worth stays,
/// and becomes more by as much as a rate has been raised; the time before counts at the old rate.
pub(super) fn change(allowance: &mut Option<Box<Allowance>>, rates: &Rates, now: Millis) {
    *allowance = match allowance.take() {
        None => Allowance::new(rates, now),
        Some(_) if *rates == Rates::default() => None,
        Some(mut old) => {
            let is_held = old.held_since.is_some();
            old.release(now);
            old.held_since = is_held.then_some(now);
            old.messages = changed(old.messages.take(), rates.messages, now);
            old.bytes = changed(old.bytes.take(), rates.bytes, now);
            Some(old)
        }
    }
}

fn changed(bucket: Option<Bucket>, rate: Option<NonZeroU64>, now: Millis) -> Option<Bucket> {
    let new = Bucket::new(rate?, now);
    let Some(mut old) = bucket else { return Some(new) };
    old.refill(now);
    let more = new.left.saturating_sub(old.rate.saturating_mul(1000));
    Some(Bucket { left: old.left.saturating_add(more), ..new })
}

/// Fails the connection of a peer that sends too fast. False if it is on the way out anyway.
pub(super) fn fail<S>(peer: &mut Peer<S>, excess: Excess, out: &mut Vec<u8>) -> bool {
    let is_open = peer.connection.phase() == Phase::Open;
    if is_open {
        peer.allowance = None;
        peer.connection.fail_with(CloseCode::POLICY, excess.why(), out);
    }
    is_open
}

impl<N: Net> Worker<N> {
    /// Counts bytes received from a peer whose bytes are limited. If they are too many, the connection fails.
    pub(super) fn count_bytes(&mut self, slot: u32, received: usize) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let Some(allowance) = &mut peer.allowance else { return };
        if allowance.take_bytes(received, self.now) {
            return;
        }
        let start = self.gather.scratch.len();
        if fail(peer, Excess::Bytes, &mut self.gather.scratch) {
            self.gather.push_scratch(slot, &mut peer.chain, start);
            self.note_too_fast(slot, Excess::Bytes);
        }
    }

    /// A peer has sent too fast; its Close frame is on the way.
    pub(super) fn note_too_fast(&mut self, slot: u32, excess: Excess) {
        count(&self.counters().too_fast);
        count(&self.counters().violations);
        let (peer, client) = (self.address(slot), self.client_id(slot).to_u64());
        let (code, (what, key)) = (CloseCode::POLICY.get(), excess.what());
        log::limited!(
            Level::Info,
            id: log::id::CLIENT_TOO_FAST,
            worker: self.index,
            client: client,
            peer: peer,
            "closed with {code}: it sends more {what} per second than it may ({key})"
        );
        self.tell_gone(slot, code, excess.why());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowance(messages: u64, bytes: u64) -> Box<Allowance> {
        let rates = Rates { messages: NonZeroU64::new(messages), bytes: NonZeroU64::new(bytes) };
        Allowance::new(&rates, Millis(0)).expect("something is limited")
    }

    fn messages(allowance: &mut Allowance, now: u64) -> usize {
        (0..1_000_000).take_while(|_| allowance.take_message(Millis(now))).count()
    }

    #[test]
    fn who_has_no_limit_has_no_allowance() {
        assert!(Allowance::new(&Rates::default(), Millis(0)).is_none());
        let mut bytes_only = allowance(0, 1);
        assert!((0..1000).all(|_| bytes_only.take_message(Millis(0))));
        let mut messages_only = allowance(1, 0);
        assert!(messages_only.take_bytes(usize::MAX, Millis(0)));
    }

    #[test]
    fn a_burst_is_one_seconds_worth_and_comes_back_evenly() {
        let mut allowance = allowance(10, 1000);
        assert_eq!(messages(&mut allowance, 0), 10);
        assert_eq!(messages(&mut allowance, 99), 0);
        assert_eq!(messages(&mut allowance, 100), 1);
        assert_eq!(messages(&mut allowance, 600), 5);
        assert_eq!(messages(&mut allowance, 1_000_000), 10);
        assert!(allowance.take_bytes(1000, Millis(1_000_000)));
        assert!(!allowance.take_bytes(1, Millis(1_000_000)));
        assert!(allowance.take_bytes(1, Millis(1_000_001)));
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let mut allowance = allowance(1, 1000);
        assert!(!allowance.take_bytes(1001, Millis(0)));
        assert!(allowance.take_bytes(1000, Millis(0)));
    }

    #[test]
    fn time_in_which_nobody_reads_is_owed_in_full() {
        let mut allowance = allowance(10, 1000);
        assert_eq!(messages(&mut allowance, 0), 10);
        allowance.hold(Millis(500));
        allowance.hold(Millis(9_000)); // it is held already
        assert!(allowance.take_bytes(1000 + 9_500, Millis(10_000)));
        assert!(!allowance.take_bytes(1, Millis(10_000)));
        // 5 of the first half second, 95 of the rest; and later, no less for having waited.
        assert_eq!(messages(&mut allowance, 10_000), 100);
        allowance.hold(Millis(10_000));
        assert!(allowance.take_message(Millis(15_000)));
        assert_eq!(messages(&mut allowance, 17_000), 49);
        // Not held, it is owed no more than a second.
        assert_eq!(messages(&mut allowance, 30_000), 10);
    }

    #[test]
    fn rates_change_for_who_is_there_and_what_was_owed_at_the_old_one_stays_owed() {
        let rates = |messages| Rates { messages: NonZeroU64::new(messages), bytes: None };
        let mut one = None;
        let at = Millis;
        change(&mut one, &rates(10), at(0));
        assert_eq!(messages(one.as_mut().expect("a limit"), 0), 10);
        one.as_mut().expect("a limit").hold(at(0));
        change(&mut one, &rates(2), at(1000));
        change(&mut one, &rates(4), at(2000));
        // A second at each of three rates, and two more for the last burst, which has become larger.
        assert_eq!(messages(one.as_mut().expect("a limit"), 3000), 10 + 2 + 4 + 2);
        // Raised in the midst of a burst: what has been used stays used.
        assert_eq!(messages(one.as_mut().expect("a limit"), 3500), 2);
        change(&mut one, &rates(10), at(3500));
        assert_eq!(messages(one.as_mut().expect("a limit"), 3500), 6);
        change(&mut one, &Rates::default(), at(3500));
        assert!(one.is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Over any stretch of time no more gets through than one burst and the rate; and who
        /// keeps to the rate always gets through.
        #[test]
        fn no_stretch_of_time_lets_more_through(
            rate in 1u64..2000,
            sends in proptest::collection::vec((0u64..3000, 1usize..3000), 1..60),
        ) {
            let mut bucket = allowance(0, rate);
            let (mut now, mut passed) = (0, Vec::new());
            for (wait, count) in sends {
                now += wait;
                if bucket.take_bytes(count, Millis(now)) {
                    passed.push((now, count as u64));
                }
            }
            for (first, &(begin, _)) in passed.iter().enumerate() {
                let mut sum = 0;
                for &(end, count) in &passed[first..] {
                    sum += count;
                    prop_assert!(sum * 1000 <= rate * (1000 + end - begin));
                }
            }
            let mut steady = allowance(0, rate);
            for second in 0..10 {
                prop_assert!(steady.take_bytes(rate as usize, Millis(second * 1000)));
            }
        }
    }
}
