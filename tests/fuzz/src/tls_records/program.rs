//! How an input of `tls_records` becomes a program of what a peer sends and what the server does.
//!
//! The layout: the suite; the variant; how many chunk lengths follow (modulo 4), and those; then
//! operations, each a byte (modulo their number) and what it needs. What is missing counts as 0.

use ringsocket_tls::Alert;

use crate::recipe::Reader;

/// So many operations are read.
const MAX_ITEMS: usize = 200;
/// Longer than any content may be.
const MAX_DATA: usize = 17_000;
const MAX_SEALED: usize = 40_000;

/// Alerts that the server may end with.
const ALERTS: [Alert; 4] =
    [Alert::CloseNotify, Alert::UnexpectedMessage, Alert::BadRecordMac, Alert::InternalError];

/// What the server does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// It sends so many bytes.
    Seal(usize),
    /// It answers what it owes.
    Reply,
    /// It changes its key and asks the peer for the same.
    RequestKeyUpdate,
    /// It goes on in another process; there, what it wrote down is read with this byte in this place
    /// as well (a place beyond its end: not).
    Move(usize, u8),
    /// It sends its last record.
    End(Alert),
}

/// What happens next.
#[derive(Clone, Debug)]
pub enum Item {
    /// The peer seals a record.
    Record {
        /// Its type.
        content: u8,
        /// What is in it.
        plain: Vec<u8>,
        /// Bytes of padding in TLS 1.3.
        padding: usize,
    },
    /// The peer changes its key, and says so.
    KeyUpdate {
        /// Whether it asks for the same.
        is_requested: bool,
    },
    /// The peer's record is damaged on the way, at this place (modulo its length).
    Damaged {
        /// Counted from the header's end.
        at: usize,
    },
    /// Bytes that nobody sealed.
    Raw(Vec<u8>),
    /// The server does something, after all that came before.
    Act(Act),
}

/// A whole input.
#[derive(Clone, Debug)]
pub struct Program<'d> {
    /// Which cipher suite (modulo their number).
    pub suite: u8,
    /// Which limits.
    pub variant: u8,
    /// How much arrives at a time, less one; in turn and over again.
    pub chunks: &'d [u8],
    /// What happens.
    pub items: Vec<Item>,
}

impl<'d> Program<'d> {
    /// Reads an input.
    pub fn read(data: &'d [u8]) -> Self {
        let mut reader = Reader::new(data);
        let (suite, variant) = (reader.byte(), reader.byte());
        let chunk_c = usize::from(reader.byte()) % 4;
        let chunks = reader.bytes(chunk_c);
        let mut items = Vec::new();
        while !reader.is_empty() && items.len() < MAX_ITEMS {
            items.push(item(&mut reader));
        }
        Self { suite, variant, chunks, items }
    }
}

fn item(reader: &mut Reader<'_>) -> Item {
    let record =
        |content, plain: &[u8]| Item::Record { content, plain: plain.to_vec(), padding: 0 };
    match reader.byte() % 13 {
        0 => record(23, &vec![b'd'; reader.number() % MAX_DATA]),
        1 => {
            let (content, padding) = (reader.byte(), usize::from(reader.byte()));
            let len = usize::from(reader.byte());
            Item::Record { content, plain: reader.bytes(len).to_vec(), padding }
        }
        2 => {
            let len = usize::from(reader.byte());
            record(22, reader.bytes(len))
        }
        3 => record(21, &[reader.byte(), reader.byte()]),
        4 => Item::KeyUpdate { is_requested: reader.byte() & 1 != 0 },
        5 => {
            let len = usize::from(reader.byte());
            Item::Raw(reader.bytes(len).to_vec())
        }
        6 => Item::Damaged { at: reader.number() },
        7 => Item::Act(Act::Seal(reader.number() % MAX_SEALED)),
        8 => Item::Act(Act::Reply),
        9 => Item::Act(Act::RequestKeyUpdate),
        10 => Item::Act(Act::End(Alert::CloseNotify)),
        12 => Item::Act(Act::Move(usize::from(reader.byte()), reader.byte())),
        _ => Item::Act(Act::End(ALERTS[usize::from(reader.byte()) % ALERTS.len()])),
    }
}
