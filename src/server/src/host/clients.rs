//! Who an app's clients are: what it may ask about them at any time.

use crate::message::{ClientId, PeerAddress};

/// The open clients of one app.
#[derive(Debug)]
pub struct Clients {
    /// By worker, then by slot: where a client id points.
    tables: Vec<Vec<Client>>,
}

/// A client, or an empty place.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// 0 for an empty place.
    generation: u32,
    /// `endpoint_id` of the configuration.
    pub endpoint: u16,
    /// Where it comes from.
    pub address: PeerAddress,
}

const EMPTY: Client = Client { generation: 0, endpoint: 0, address: PeerAddress::Unix };

impl Clients {
    /// Nobody, on so many workers.
    pub fn new(worker_c: usize) -> Self {
        Self { tables: vec![Vec::new(); worker_c] }
    }

    /// What is known of a client, or of one that may become so.
    pub fn client(id: ClientId, endpoint: u16, address: PeerAddress) -> Client {
        Client { generation: id.generation(), endpoint, address }
    }

    /// Notes a new client.
    pub fn insert(&mut self, id: ClientId, endpoint: u16, address: PeerAddress) {
        let Some(table) = self.tables.get_mut(id.worker()) else { return };
        let slot = id.slot() as usize;
        if table.len() <= slot {
            table.resize(slot + 1, EMPTY);
        }
        table[slot] = Self::client(id, endpoint, address);
    }

    /// Forgets a client, and says who it was.
    pub fn remove(&mut self, id: ClientId) -> Option<Client> {
        let known = *self.get(id)?;
        self.tables[id.worker()][id.slot() as usize] = EMPTY;
        Some(known)
    }

    /// The client with this id, if it is open. Any number may be asked for.
    #[inline]
    pub fn get(&self, id: ClientId) -> Option<&Client> {
        let client = self.tables.get(id.worker())?.get(id.slot() as usize)?;
        (client.generation != 0 && client.generation == id.generation()).then_some(client)
    }

    /// The ids of all clients.
    pub fn ids(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.endpoints().map(|(id, _)| id)
    }

    /// The ids of all clients, each with the endpoint that it came to.
    pub fn endpoints(&self) -> impl Iterator<Item = (ClientId, u16)> + '_ {
        self.tables.iter().enumerate().flat_map(|(worker, table)| {
            let clients = table.iter().enumerate().filter(|(_, client)| client.generation != 0);
            clients.map(move |(slot, client)| {
                let id = ClientId::new(worker as u8, slot as u32, client.generation);
                (id, client.endpoint)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_may_be_asked_for() {
        let mut clients = Clients::new(2);
        let id = ClientId::new(1, 3, 9);
        clients.insert(id, 7, PeerAddress::Unix);
        assert_eq!(clients.get(id).map(|client| client.endpoint), Some(7));
        assert_eq!(clients.ids().collect::<Vec<_>>(), [id]);
        for other in [0, u64::MAX, id.to_u64() + 1, id.to_u64() & !0xffff_ffff] {
            assert!(clients.get(ClientId::from_u64(other)).is_none(), "{other:x}");
        }
        clients.remove(ClientId::new(1, 3, 8));
        assert!(clients.get(id).is_some(), "a stale id removes nobody");
        clients.remove(id);
        assert!(clients.get(id).is_none());
        assert_eq!(clients.ids().count(), 0);
    }
}
