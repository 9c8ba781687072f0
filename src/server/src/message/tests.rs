//! Records come back as they went.

use super::*;

mod openings;

#[test]
fn a_client_id_keeps_its_parts() {
    let id = ClientId::new(255, 0x00ff_fffe, u32::MAX);
    assert_eq!((id.worker(), id.slot(), id.generation()), (255, 0x00ff_fffe, u32::MAX));
    assert_ne!(ClientId::new(0, 0, 1).to_u64(), 0);
    assert_eq!(ClientId::from_u64(id.to_u64()), id);
}

#[test]
fn inbound_records_come_back_as_they_went() {
    let client = ClientId::new(1, 2, 3);
    for record in [
        Inbound::Open { client, endpoint: 7, opening: b"xyz" },
        Inbound::Message { client, text: true, payload: b"hi" },
        Inbound::Message { client, text: false, payload: b"" },
        Inbound::Close { client, code: 4000, reason: b"bye" },
        Inbound::Retire { wait: Duration::from_micros(1_500_001) },
        Inbound::Upgrade { client, endpoint: 7, opening: b"xyz" },
        Inbound::Entered { client },
        Inbound::Withdrawn { client },
        Inbound::Park,
    ] {
        let (head, payload) = record.encode();
        let inline = [&head, payload].concat();
        assert_eq!(Inbound::decode(&inline, None), Some(record));
        assert_eq!(Inbound::decode(&head, Some(payload)), Some(record), "by pointer");
    }
    assert_eq!(Inbound::decode(&[99; HEAD], None), None);
    assert_eq!(Inbound::decode(&[1; HEAD - 1], None), None);
}

#[test]
fn outbound_records_list_their_clients() {
    let ids = [ClientId::new(0, 1, 1), ClientId::new(0, 2, 9)];
    let mut inline = Outbound::send_head(Scope::AllExcept, 2).to_vec();
    ids.iter().for_each(|id| inline.extend_from_slice(&id.to_u64().to_ne_bytes()));
    let listed = inline.clone();
    inline.extend_from_slice(b"frame");
    for (inline, block) in [(&inline, None), (&listed, Some(&b"frame"[..]))] {
        match Outbound::decode(inline, block) {
            Some(Outbound::Send { scope: Scope::AllExcept, clients, frame: b"frame" }) => {
                assert_eq!(clients.iter().collect::<Vec<_>>(), ids);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(Outbound::decode(&listed[..HEAD + 8], None), None, "a cut list");
}

#[test]
fn decisions_come_back_as_they_went() {
    let id = ClientId::new(3, 1, 1).to_u64().to_ne_bytes();
    let listed = [&Outbound::refuse_head(403)[..], &id].concat();
    let whole = [&listed[..], b"no"].concat();
    for (inline, block) in [(&whole, None), (&listed, Some(&b"no"[..]))] {
        let read = Outbound::decode(inline, block);
        let clients = Clients(&id);
        assert_eq!(read, Some(Outbound::Refuse { clients, status: 403, response: b"no" }));
    }
    let accept = [&Outbound::accept_head()[..], &id, b"A: b"].concat();
    let read = Outbound::decode(&accept, None);
    assert_eq!(read, Some(Outbound::Accept { clients: Clients(&id), lines: b"A: b" }));
}

#[test]
fn outbound_records_name_their_topic() {
    let id = ClientId::new(3, 1, 1);
    for begins in [true, false] {
        let mut inline = Outbound::subscription_head(u64::MAX, begins).to_vec();
        inline.extend_from_slice(&id.to_u64().to_ne_bytes());
        match Outbound::decode(&inline, None) {
            Some(Outbound::Subscription { clients, topic: u64::MAX, begins: read }) => {
                assert_eq!((clients.iter().next(), read), (Some(id), begins));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn words_without_clients_come_back_as_they_went() {
    for (head, record) in [
        (Outbound::drained_head(), Outbound::Drained),
        (Outbound::parked_head(), Outbound::Parked),
        (Outbound::fault_head(), Outbound::Fault),
    ] {
        assert_eq!(Outbound::decode(&head, None), Some(record));
        assert_eq!(record.clients(), None);
    }
}

#[test]
fn an_address_looks_the_same_whatever_way_it_took() {
    for (given, seen) in [
        ("192.0.2.7:80", "192.0.2.7:80"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7:80"),
        ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
    ] {
        let address = PeerAddress::inet(given.parse().expect("an address"));
        assert_eq!(address.to_string(), seen);
        assert_eq!(address.to_inet(), seen.parse().ok());
    }
    assert_eq!((PeerAddress::Unix.ip(), PeerAddress::Unix.to_inet()), (None, None));
}
