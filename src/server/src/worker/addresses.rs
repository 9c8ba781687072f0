//! How much each client address has of the server: connections, and handshakes per second. All
//! workers share it, none ever waits for another, and its size does not depend on how many
//! addresses there are.
//! Not for: whose address a connection has (`origin`), or whom no limit holds.
//!
//! Two count-min sketches (Cormode and Muthukrishnan, 2005): an address has one cell in each of
//! four rows, which it may share with others. What the least of its cells says is therefore
//! never too little, and rarely too much. Cells are found by SipHash with a random key, so that
//! nobody can choose addresses which meet.
//!
//! A row has four cells per connection that the server takes (within `LEAST` and `MOST`), so a
//! cell holds a quarter of a connection of others on average. Thus a row says k connections too
//! many with a probability of at most 1 / 4k (Markov), and all four rows at most 1 / (4k)^4: with
//! every place taken by an address of its own, one in 256 is refused its first connection where the
//! limit is 1, and less than one in 10^14 at a limit of 1,024. The same holds for handshakes, as
//! far as a second brings no more of them than the server takes connections.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ringsocket_proto::Millis;
use zerocopy::{FromZeros, KnownLayout};

/// Rows of each sketch.
const ROWS: usize = 4;

/// Fewest and most cells of a row.
const LEAST: usize = 1 << 12;
const MOST: usize = 1 << 20;

/// What spreads one hash over the rows (multiply-shift hashing): odd numbers without a pattern, of
/// the fraction of the square roots of 2, 3, 5 and 7.
const SPREAD: [u64; ROWS] =
    [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1];

/// A second, in the unit of the clock of handshakes.
const SECOND: u64 = 1_000_000_000;

/// What all workers know of addresses.
#[derive(Debug)]
pub struct Addresses {
    keys: RandomState,
    /// Base-2 logarithm of the cells of a row.
    bits: u32,
    /// How many connections the addresses of a cell have, limited or not. Row after row.
    connections: Box<[AtomicU32]>,
    /// When the next handshake of a cell's addresses would be due if they kept to the interval (the
    /// "theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371). At most a
    /// second ahead, which is the burst that is let through.
    handshakes: Box<[AtomicU64]>,
}

/// What each address may have; `None` for no limit. It may change at any time: connections always
/// count, and of handshakes a second at most is remembered, at whatever rate they came.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PerAddress {
    /// Connections at a time.
    pub connections: Option<NonZeroU64>,
    /// Handshakes per second.
    pub handshakes: Option<NonZeroU64>,
}

/// A connection that counts; to be given back with [`Addresses::release`] when it ends.
#[derive(Debug)]
#[must_use = "a connection that is not released counts for ever"]
pub struct Ticket(NonZeroU32);

/// Of what an address has too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TooMany {
    /// Connections at a time.
    Connections,
    /// Handshakes in a second.
    Handshakes,
}

impl Addresses {
    /// Tables that are large enough for a server of `connection_c` connections in all.
    pub fn new(connection_c: usize) -> Self {
        let width = width(connection_c);
        Self {
            keys: RandomState::new(),
            bits: width.trailing_zeros(),
            connections: zeros(ROWS * width),
            handshakes: zeros(ROWS * width),
        }
    }

    /// Whether new ones for so many connections would be no larger.
    pub fn is_large_enough_for(&self, connection_c: usize) -> bool {
        width(connection_c) <= 1 << self.bits
    }

    /// Counts a connection and its handshake.
    ///
    /// # Errors
    /// If the address has too many, the connection does not count. Workers that ask for the same
    /// address at the same moment may let one handshake more through each, but never a connection.
    pub fn admit(&self, ip: IpAddr, now: Millis, limits: &PerAddress) -> Result<Ticket, TooMany> {
        let hash = self.hash(ip);
        let (count, ticket) = (self.count_connection(hash), Ticket(hash));
        let too_many = if limits.connections.is_some_and(|limit| u64::from(count) > limit.get()) {
            TooMany::Connections
        } else if limits.handshakes.is_some_and(|rate| !self.has_time(hash, now, rate)) {
            TooMany::Handshakes
        } else {
            return Ok(ticket);
        };
        self.release(ticket);
        Err(too_many)
    }

    /// A connection has ended.
    pub fn release(&self, ticket: Ticket) {
        for at in self.places(ticket.0) {
            self.connections[at].fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts a connection, and says how many the address has then.
    ///
    /// All cells are counted up before any is read, and every worker sees these steps in one order:
    /// of two that take the last place at the same moment, the second to have counted up its cells
    /// reads all of both. (Were each cell read as it is counted up, one could be ahead in one row
    /// and the other in the next, and both would get in.)
    fn count_connection(&self, hash: NonZeroU32) -> u32 {
        let cells = self.places(hash).map(|at| &self.connections[at]);
        for cell in cells {
            cell.fetch_add(1, Ordering::SeqCst);
        }
        cells.iter().map(|cell| cell.load(Ordering::SeqCst)).min().unwrap_or_default()
    }

    /// Whether no connection counts any more.
    pub fn is_empty(&self) -> bool {
        self.connections.iter().all(|cell| cell.load(Ordering::Relaxed) == 0)
    }

    /// Whether any row has room for a handshake. Each that has counts it; one that has not is put
    /// at its end, so that no cell ever says less than its addresses have had.
    fn has_time(&self, hash: NonZeroU32, now: Millis, rate: NonZeroU64) -> bool {
        // Nanoseconds between two handshakes of an address that has used up what it may have at once.
        let interval = SECOND / rate;
        let now = now.0.saturating_mul(SECOND / 1000);
        let end = now.saturating_add(SECOND);
        let cells = self.places(hash).map(|at| &self.handshakes[at]);
        let has_room = cells.map(|cell| {
            let count = |due: u64| {
                let next = due.max(now).saturating_add(interval);
                (next <= end).then_some(next)
            };
            cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok()
        });
        let may = has_room.contains(&true);
        for (cell, has_room) in cells.iter().zip(has_room) {
            if may && !has_room {
                cell.fetch_max(end, Ordering::Relaxed);
            }
        }
        may
    }

    /// The hash of an address; of IPv6 that of its /64 network, which is what one subscriber has.
    /// 32 bits keep a ticket small, and leave two addresses one chance in 2^31 to share all cells.
    fn hash(&self, ip: IpAddr) -> NonZeroU32 {
        let hash = match ip.to_canonical() {
            IpAddr::V4(ip) => self.keys.hash_one(ip.octets()),
            IpAddr::V6(ip) => self.keys.hash_one(&ip.octets()[..8]),
        };
        NonZeroU32::MIN | (hash >> 32) as u32
    }

    /// The cells of a hash, one in each row.
    fn places(&self, hash: NonZeroU32) -> [usize; ROWS] {
        std::array::from_fn(|row| {
            let column = u64::from(hash.get()).wrapping_mul(SPREAD[row]) >> (u64::BITS - self.bits);
            (row << self.bits) + column as usize
        })
    }
}

/// Cells of a row, for so many connections.
fn width(connection_c: usize) -> usize {
    connection_c.saturating_mul(4).clamp(LEAST, MOST).next_power_of_two()
}

/// Cells that take memory, page by page, only when they are first used.
fn zeros<Cell>(count: usize) -> Box<[Cell]>
where
    [Cell]: FromZeros + KnownLayout<PointerMetadata = usize>,
{
    <[Cell]>::new_box_zeroed_with_elems(count).expect("memory for what is known of addresses")
}

#[cfg(test)]
mod tests;
