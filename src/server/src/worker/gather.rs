//! What a turn has for each connection, so that each is written to once.
//!
//! Frames stay where they lie (in an outbound ring, in the scratch buffer of this turn, in a page)
//! until all records of the turn have been looked at; a connection's chain says which of them it
//! gets, in order.

use std::sync::Arc;

use ringsocket_ring::{Consumer, Position};

use super::loans::Lent;
use crate::www::Page;

const NONE: u32 = u32::MAX;

/// Frames become one part of a chain up to so many bytes. A part that the peer does not take counts
/// like a single message, of which one may always wait, so it must not become much larger than the
/// limit for what waits may be.
const JOINED_MAX: u32 = 64 * 1024;

/// In place of the last link of a connection that is on the list of those to flush, but has none.
/// Not a link's number either.
const TOUCHED: u32 = u32::MAX - 1;

/// A connection's place in the gathering: its first and last link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chain {
    first: u32,
    /// `NONE` only if the connection is not on the list of those to flush.
    last: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl Chain {
    /// Whether nothing has been gathered.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.first == NONE
    }
}

/// Where a frame (or a run of frames) lies.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// The frame of the record at this position of an app's outbound ring.
    Record {
        /// Number of the app.
        app: u16,
        /// Where the frame begins in the record, unless it is in a block.
        start: u32,
        /// The record.
        position: Position,
    },
    /// In the scratch buffer.
    Scratch {
        /// Offset of the first byte.
        start: u32,
        /// Number of bytes.
        len: u32,
    },
    /// A header in the scratch buffer, and a payload that is lent.
    Lent {
        /// Offset of the header.
        start: u32,
        /// Its length.
        header_len: u8,
        /// Number of the payload.
        index: u32,
    },
    /// The page with this index; only ever the last of its chain.
    Page(u32),
}

/// What the bytes of sources lie in, beside those that the gathering has itself.
#[derive(Clone, Copy, Debug)]
pub struct Stores<'a> {
    /// The apps' outbound rings.
    pub rings: &'a [Consumer],
    /// The payloads that are lent.
    pub lent: Lent<'a>,
}

/// The bytes of a source: a header and what follows it, or all in one piece and nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pieces<'a>(pub [&'a [u8]; 2]);

impl<'a> Pieces<'a> {
    /// All in one piece.
    #[inline]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self([bytes, &[]])
    }

    /// How many bytes they are.
    #[inline]
    pub fn total(self) -> usize {
        self.0[0].len() + self.0[1].len()
    }

    /// Without the first `count` bytes.
    pub fn skip(self, count: usize) -> Self {
        let [first, second] = self.0;
        let cut = count.min(first.len());
        Self([&first[cut..], &second[count - cut..]])
    }

    /// Appends the bytes to `out`.
    #[inline]
    pub fn append_to(self, out: &mut Vec<u8>) {
        let [first, second] = self.0;
        out.extend_from_slice(first);
        if !second.is_empty() {
            out.extend_from_slice(second);
        }
    }
}

#[derive(Debug)]
struct Link {
    source: Source,
    next: u32,
}

/// What has been gathered in this turn.
#[derive(Debug, Default)]
pub struct Gather {
    links: Vec<Link>,
    pages: Vec<Arc<Page>>,
    /// Connections to flush, each once.
    touched: Vec<u32>,
    /// What lies in no ring: pongs, closes and HTTP responses of the worker's own, compressed frames,
    /// and what apps have sent that this worker calls.
    pub scratch: Vec<u8>,
}

impl Gather {
    /// Puts the connection in `slot` on the list of those to flush, once.
    #[inline]
    pub fn touch(&mut self, slot: u32, chain: &mut Chain) {
        if chain.last == NONE {
            chain.last = TOUCHED;
            self.touched.push(slot);
        }
    }

    /// Appends a frame of an app to the chain of the connection in `slot`.
    #[inline]
    pub fn push_frame(&mut self, slot: u32, chain: &mut Chain, source: Source) {
        if !self.extend_last(*chain, source) {
            self.push(slot, chain, source);
        }
    }

    /// Appends to the chain of the connection in `slot`.
    #[inline]
    pub fn push(&mut self, slot: u32, chain: &mut Chain, source: Source) {
        self.touch(slot, chain);
        let link = self.links.len() as u32;
        self.links.push(Link { source, next: NONE });
        if chain.is_empty() {
            chain.first = link;
        } else {
            self.links[chain.last as usize].next = link;
        }
        chain.last = link;
    }

    /// What lies in the scratch buffer right behind the chain's last part becomes one with it, and
    /// can be sent from there as one.
    #[inline]
    fn extend_last(&mut self, chain: Chain, source: Source) -> bool {
        let Source::Scratch { start, len } = source else { return false };
        let Some(last) = self.links.get_mut(chain.last as usize) else { return false };
        match &mut last.source {
            Source::Scratch { start: first, len: before }
                if *first + *before == start && *before + len <= JOINED_MAX =>
            {
                *before += len;
                true
            }
            _ => false,
        }
    }

    /// Appends what has been written to the scratch buffer since it was `start` bytes long.
    pub fn push_scratch(&mut self, slot: u32, chain: &mut Chain, start: usize) {
        let len = self.scratch.len() - start;
        if len > 0 {
            self.push(slot, chain, Source::Scratch { start: start as u32, len: len as u32 });
        }
    }

    /// Whether nothing has been gathered, be it for nobody.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.scratch.is_empty()
    }

    /// Whether there are connections to flush.
    pub fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Takes the list of connections to flush; [`Gather::clear`] wants its memory back.
    pub fn take_touched(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.touched)
    }

    /// How many links there are in all chains.
    pub fn link_c(&self) -> usize {
        self.links.len()
    }

    /// Appends a page.
    pub fn push_page(&mut self, slot: u32, chain: &mut Chain, page: Arc<Page>) {
        let index = self.pages.len() as u32;
        self.pages.push(page);
        self.push(slot, chain, Source::Page(index));
    }

    /// The chain's sources, in order.
    pub fn sources(&self, chain: Chain) -> impl Iterator<Item = Source> + '_ {
        let mut next = chain.first;
        std::iter::from_fn(move || {
            let link = self.links.get(next as usize)?;
            next = link.next;
            Some(link.source)
        })
    }

    /// The bytes of a source.
    #[inline]
    pub fn bytes<'a>(&'a self, source: Source, stores: Stores<'a>) -> Pieces<'a> {
        Pieces(match source {
            Source::Record { app, start, position } => {
                let record = stores.rings[app as usize].at(position);
                [&record.inline[start as usize..], record.block.unwrap_or_default()]
            }
            Source::Scratch { start, len } => [self.in_scratch(start, len), &[]],
            Source::Lent { start, header_len, index } => {
                [self.in_scratch(start, header_len.into()), stores.lent.payload(index)]
            }
            Source::Page(index) => [&self.pages[index as usize].body, &[]],
        })
    }

    #[inline]
    fn in_scratch(&self, start: u32, len: u32) -> &[u8] {
        &self.scratch[start as usize..start as usize + len as usize]
    }

    /// The page of a [`Source::Page`].
    pub fn page(&self, source: Source) -> Option<Arc<Page>> {
        match source {
            Source::Page(index) => self.pages.get(index as usize).cloned(),
            _ => None,
        }
    }

    /// Gives back all memory, of a worker that has nothing gathered.
    pub fn trim(&mut self) {
        *self = Self::default();
    }

    /// Forgets the turn. Memory that only a burst needed is given back.
    pub fn clear(&mut self, flushed: Vec<u32>) {
        const KEEP: usize = 1024 * 1024;
        self.links.clear();
        self.links.shrink_to(KEEP / size_of::<Link>());
        self.pages.clear();
        debug_assert!(self.touched.is_empty(), "touched while it was flushed, and forgotten");
        self.touched = flushed;
        self.touched.clear();
        self.touched.shrink_to(KEEP / size_of::<u32>());
        self.scratch.clear();
        self.scratch.shrink_to(KEEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_several_connections_stay_apart_and_in_order() {
        let mut gather = Gather::default();
        let mut chains = [Chain::default(); 3];
        for round in 0..4u8 {
            for (slot, chain) in chains.iter_mut().enumerate().take(2) {
                let start = gather.scratch.len();
                gather.scratch.extend_from_slice(&[slot as u8, round]);
                gather.push_scratch(slot as u32, chain, start);
                gather.push_scratch(slot as u32, chain, gather.scratch.len()); // nothing
            }
        }
        let touched = gather.take_touched();
        assert_eq!(touched, [0, 1]);
        assert!(chains[2].is_empty());
        for (slot, chain) in chains.iter().enumerate().take(2) {
            let stores = Stores { rings: &[], lent: Lent::default() };
            let bytes: Vec<_> = gather
                .sources(*chain)
                .map(|source| gather.bytes(source, stores).0.concat())
                .collect();
            assert_eq!(bytes, (0..4).map(|round| vec![slot as u8, round]).collect::<Vec<_>>());
        }
        gather.clear(touched);
        assert_eq!(gather.sources(chains[0]).count(), 0);
    }

    #[test]
    fn who_was_only_touched_has_no_part_that_could_be_extended() {
        let mut gather = Gather::default();
        let mut chains = [Chain::default(); 2];
        gather.push_frame(0, &mut chains[0], Source::Scratch { start: 0, len: 5 });
        gather.touch(1, &mut chains[1]);
        gather.push_frame(1, &mut chains[1], Source::Scratch { start: 5, len: 3 });
        gather.push_frame(1, &mut chains[1], Source::Scratch { start: 8, len: 2 });
        let lens = chains.map(|chain| {
            let len = |source| if let Source::Scratch { len, .. } = source { len } else { 0 };
            gather.sources(chain).map(len).collect::<Vec<_>>()
        });
        assert_eq!(lens, [[5], [5]]);
        assert_eq!(gather.take_touched(), [0, 1]);
    }
}
