//! What workers count, and the words in which the operator is told.
//! Not for: counting itself, which the worker does where things happen.
//!
//! A new counter is a field of [`Counters`] and a line of `Counters::told`; nothing else names it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a worker counts. Only the worker itself writes; padded so that no two share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    /// Connections that are open now.
    pub connections: AtomicUsize,
    /// Connections accepted since the start.
    pub accepted: AtomicUsize,
    /// Connections turned away because there were too many.
    pub turned_away: AtomicUsize,
    /// Connections answered with 429, as there were too many of one address, or too many handshakes.
    pub crowded: AtomicUsize,
    /// Connections dropped since no trusted proxy began them with a header of the PROXY protocol,
    /// as their port demands.
    pub unproxied: AtomicUsize,
    /// Requests that were answered with an error status.
    pub refused: AtomicUsize,
    /// Upgrades answered with 504, as their app did not decide in time; they count as refused, too.
    pub undecided: AtomicUsize,
    /// Connections closed because the peer broke the protocol or a limit.
    pub violations: AtomicUsize,
    /// Connections closed because the peer took too little, too slowly.
    pub too_slow: AtomicUsize,
    /// Connections closed because the peer sent too many messages or bytes in a second; they count
    /// as violations, too.
    pub too_fast: AtomicUsize,
    /// Pings sent to silent peers.
    pub pings: AtomicUsize,
    /// Connections closed because the peer did not answer a ping.
    pub unanswered: AtomicUsize,
    /// Open connections that keep what their compressors may refer to.
    pub takeovers: AtomicUsize,
    /// TLS handshakes that have come to their end.
    pub tls_handshakes: AtomicUsize,
    /// TLS handshakes that have failed, or took too long.
    pub tls_failed: AtomicUsize,
    /// TLS handshakes that were given up, as there were too many.
    pub tls_crowded: AtomicUsize,
    /// How many times a message was compressed.
    pub compressed: AtomicUsize,
    /// How many times the worker gave memory back as it was short.
    pub sheds: AtomicUsize,
}

/// Adds to a counter that only this thread writes.
pub(super) fn count(counter: &AtomicUsize) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Takes one off a counter that only this thread writes.
pub(super) fn uncount(counter: &AtomicUsize) {
    counter.store(counter.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
}

/// Where a counter is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// In the line of all counters.
    InLine,
    /// Also in the status, once it is not 0: a limit was met that the operator may want to raise, or
    /// somebody tries it.
    InStatus,
}

impl Counters {
    /// Every counter with its name, in the order in which they are told. The pattern has no `..`, so
    /// that none can be forgotten.
    fn told(&self) -> [(&'static str, &AtomicUsize, Told); 18] {
        let Self {
            connections,
            accepted,
            turned_away,
            crowded,
            unproxied,
            refused,
            undecided,
            violations,
            too_slow,
            too_fast,
            pings,
            unanswered,
            takeovers,
            tls_handshakes,
            tls_failed,
            tls_crowded,
            compressed,
            sheds,
        } = self;
        [
            ("open", connections, Told::InLine),
            ("accepted", accepted, Told::InLine),
            ("turned away", turned_away, Told::InStatus),
            ("refused", refused, Told::InLine),
            ("undecided", undecided, Told::InStatus),
            ("violations", violations, Told::InLine),
            ("too slow", too_slow, Told::InStatus),
            ("crowded", crowded, Told::InStatus),
            ("unproxied", unproxied, Told::InStatus),
            ("too fast", too_fast, Told::InStatus),
            ("pings", pings, Told::InLine),
            ("unanswered", unanswered, Told::InLine),
            ("contexts kept", takeovers, Told::InLine),
            ("TLS handshakes", tls_handshakes, Told::InLine),
            ("TLS failed", tls_failed, Told::InLine),
            ("TLS crowded", tls_crowded, Told::InStatus),
            ("compressed", compressed, Told::InLine),
            ("memory short", sheds, Told::InStatus),
        ]
    }
}

/// The sums over all workers in a line: `open 3, accepted 17, turned away 0, ...`.
pub fn line(workers: &[Counters]) -> String {
    words(workers, |_, _| true)
}

/// How connections are spread over the workers: `open 1 2, accepted 8 9`, worker 0 first.
pub fn by_worker(workers: &[Counters]) -> String {
    let of_each = |counter: fn(&Counters) -> &AtomicUsize| {
        let numbers = workers.iter().map(|worker| counter(worker).load(Ordering::Relaxed));
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
    };
    let (open, accepted) =
        (of_each(|worker| &worker.connections), of_each(|worker| &worker.accepted));
    format!("open {open}, accepted {accepted}")
}

/// The same of those that belong into the status and are not 0; empty if there is none.
pub fn alarms(workers: &[Counters]) -> String {
    words(workers, |told, sum| told == Told::InStatus && sum > 0)
}

fn words(workers: &[Counters], wants: impl Fn(Told, usize) -> bool) -> String {
    let mut words = String::new();
    let all: Vec<_> = workers.iter().map(Counters::told).collect();
    let Some(first) = all.first() else { return words };
    for (index, &(name, _, told)) in first.iter().enumerate() {
        let sum: usize = all.iter().map(|told| told[index].1.load(Ordering::Relaxed)).sum();
        if wants(told, sum) {
            let comma = if words.is_empty() { "" } else { ", " };
            let _ = write!(words, "{comma}{name} {sum}"); // a String takes everything
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_told_by_name_and_alarms_only_if_there_is_something_to_say() {
        let workers = [Counters::default(), Counters::default()];
        assert_eq!(alarms(&workers), "");
        for worker in &workers {
            count(&worker.accepted);
            count(&worker.connections);
            count(&worker.too_slow);
        }
        count(&workers[1].refused);
        uncount(&workers[0].connections);
        let expected = "open 1, accepted 2, turned away 0, refused 1, undecided 0, violations 0, \
            too slow 2, crowded 0, unproxied 0, too fast 0, pings 0, unanswered 0, contexts kept 0, TLS handshakes 0, TLS failed 0, TLS crowded 0, \
            compressed 0, memory short 0";
        assert_eq!(line(&workers), expected);
        assert_eq!(alarms(&workers), "too slow 2");
        assert_eq!(line(&[]), "");
        assert_eq!(by_worker(&workers), "open 0 1, accepted 1 1");
    }
}
