//! What one process hands to the next about an app: plain data, as neither rings nor threads outlive
//! the process.
//! Not for: connections, which their workers hand over, and how any of it is written down.

use serde::{Deserialize, Serialize};

use super::ClientId;

/// What an app leaves behind once it has parked.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// What its `save` has written, at most [`STATE_MAX_SIZE`](ringsocket_app::abi::STATE_MAX_SIZE)
    /// bytes; `None`: its clients are to be opened again.
    #[serde(with = "serde_bytes")]
    pub state: Option<Vec<u8>>,
    /// Its clients, and the endpoint that each came to (`endpoint_id` of the configuration).
    pub clients: Vec<(ClientId, u16)>,
    /// Who is subscribed to what.
    pub topics: TopicTable,
}

/// The topics of an app that have subscribers. Without the numbers that workers know them by: the next
/// process gives numbers anew, and tells its workers of every subscription by an ordinary record.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TopicTable {
    /// In no particular order.
    pub topics: Vec<TopicRow>,
}

/// One topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TopicRow {
    /// Its name, 1 to 255 bytes of any value.
    pub name: Vec<u8>,
    /// Its subscribers. One that does not live on is skipped when this is read.
    pub clients: Vec<ClientId>,
}

/// What an app takes up when it starts.
#[derive(Clone, Default, Debug)]
pub struct TakenUp {
    /// What its predecessor has left.
    pub saved: Saved,
    /// The clients that live on, each of which has a connection at its worker, and an id that no other
    /// of these has.
    pub clients: Vec<Resumed>,
}

/// A client that lives on.
///
/// Its worker is told [`Opened`](super::Outbound::Opened) of it as of any other: after `restore`, or
/// after its `open`. Until then nothing is to be delivered to it; what it says meanwhile goes into the
/// inbound ring as ever.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// Who.
    pub client: ClientId,
    /// `endpoint_id` of the configuration.
    pub endpoint: u16,
    /// A written [`Opening`](super::Opening), of which query and header fields are empty.
    pub opening: Box<[u8]>,
}
