//! When a client may come again without a whole handshake: its ticket is good at every entrance with
//! the same demands, for every worker, across reloads and restarts; and nowhere else.

use std::sync::Arc;

use rustls::server::ProducesTickets;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind};

use super::authority::{Authority, config, loaded};
use super::handshake::{Failed, shake};
use crate::config::{Cert, ClientCerts};
use crate::tls::{Terms, TicketKeys};

const HOST: &str = "example.com";

/// Of a handshake with the second entrance, after one with the first, whether it was a short one; or
/// what the server had against it.
fn again(
    client: &Arc<ClientConfig>,
    first: (&Terms, u16),
    second: (&Terms, u16),
) -> Result<bool, String> {
    let pair = shake(first.0, first.1, client, HOST).unwrap();
    assert_eq!(pair.server.handshake_kind(), Some(HandshakeKind::Full));
    match shake(second.0, second.1, client, HOST) {
        Ok(pair) => Ok(pair.server.handshake_kind() == Some(HandshakeKind::Resumed)),
        Err(Failed::Refused { server, .. }) => Err(server),
        Err(Failed::NoName) => Err("no name".into()),
    }
}

/// Clients of both versions, each new to the server; with a certificate, if told so.
fn clients(ca: &Authority, shows: bool) -> Vec<Arc<ClientConfig>> {
    let shown = shows.then(|| ca.client_cert("Ann"));
    let versions = [&TLS12, &TLS13];
    versions.map(|version| Arc::new(ca.client_of(&[version], shown.as_ref()))).into()
}

/// Two ports that demand nothing, one that lets clients show certificates, two that demand it.
fn ports(demand: impl Fn(bool) -> ClientCerts) -> Vec<(u16, Option<ClientCerts>)> {
    let (may, must) = (demand(false), demand(true));
    vec![(1, None), (2, None), (3, Some(may)), (4, Some(must.clone())), (5, Some(must))]
}

fn terms(cert: &Cert, ports: &[(u16, Option<ClientCerts>)], old: Option<&Terms>) -> Terms {
    loaded(&config(std::slice::from_ref(cert), ports), old)
}

#[test]
fn a_ticket_is_good_at_entrances_with_the_same_demands_and_across_reloads() {
    let ca = Authority::new();
    let ports = ports(|must| ca.demand(must));
    let one = terms(&ca.cert("one", &[HOST]), &ports, None);
    // The certificate is renewed, too.
    let two = terms(&ca.cert("one", &[HOST]), &ports, Some(&one));
    let three = terms(&ca.cert("one", &[HOST]), &ports, Some(&two));
    let stranger = terms(&ca.cert("one", &[HOST]), &ports, None);
    for (shows, entrances) in [(false, [0, 1]), (false, [2, 2]), (true, [2, 2]), (true, [3, 4])] {
        for terms in [&one, &two, &three] {
            for client in clients(&ca, shows) {
                let (first, second) = ((&one, entrances[0]), (terms, entrances[1]));
                assert_eq!(again(&client, first, second), Ok(true), "{entrances:?}");
            }
        }
        for client in clients(&ca, shows) {
            let (first, second) = ((&one, entrances[0]), (&stranger, entrances[1]));
            assert_eq!(again(&client, first, second), Ok(false), "another process");
        }
    }
}

#[test]
fn a_resumed_client_is_still_who_it_was() {
    let ca = Authority::new();
    let terms = terms(&ca.cert("one", &[HOST]), &[(1, Some(ca.demand(true)))], None);
    for client in clients(&ca, true) {
        let full = shake(&terms, 0, &client, HOST).unwrap();
        let resumed = shake(&terms, 0, &client, HOST).unwrap();
        assert_eq!(resumed.server.handshake_kind(), Some(HandshakeKind::Resumed));
        assert!(full.server.peer_certificates().is_some());
        assert_eq!(resumed.server.peer_certificates(), full.server.peer_certificates());
    }
}

#[test]
fn a_ticket_is_no_way_around_a_demand() {
    let ca = Authority::new();
    let terms = terms(&ca.cert("one", &[HOST]), &ports(|must| ca.demand(must)), None);
    let refused = Err("peer sent no certificates".to_owned());
    for (first, second) in [(0, 3), (2, 3), (2, 4)] {
        for client in clients(&ca, false) {
            assert_eq!(again(&client, (&terms, first), (&terms, second)), refused);
        }
    }
    for (first, second) in [(0, 2), (2, 0), (3, 2), (3, 0), (0, 3)] {
        for client in clients(&ca, true) {
            assert_eq!(again(&client, (&terms, first), (&terms, second)), Ok(false));
        }
    }
}

#[test]
fn a_ticket_ends_with_the_authority_that_it_was_given_on_account_of() {
    let (ca, other) = (Authority::new(), Authority::new());
    let cert = ca.cert("one", &[HOST]);
    let one = terms(&cert, &[(1, Some(ca.demand(true)))], None);
    let moved = ClientCerts { ca_path: ca.path("moved.pem"), are_required: true };
    ca.file("moved.pem", &ca.pem());
    let same = terms(&cert, &[(1, Some(moved))], Some(&one));
    let changed = terms(&cert, &[(1, Some(other.demand(true)))], Some(&one));
    for client in clients(&ca, true) {
        assert_eq!(again(&client, (&one, 0), (&same, 0)), Ok(true), "the same in another file");
        let refused = shake(&changed, 0, &client, HOST).err();
        let Some(Failed::Refused { server, .. }) = refused else { panic!("{refused:?}") };
        assert!(server.starts_with("invalid peer certificate"), "{server}");
    }
}

/// The terms of the next process, which got the keys of tickets.
fn next_process(cert: &Cert, ports: &[(u16, Option<ClientCerts>)], old: &Terms) -> Terms {
    let keys = TicketKeys::import(&old.ticket_keys().unwrap().export()).unwrap();
    terms(cert, ports, Some(&Terms::of_tickets(keys)))
}

#[test]
fn a_ticket_is_good_after_a_restart_that_hands_on_the_keys() {
    let ca = Authority::new();
    let (cert, ports) = (ca.cert("one", &[HOST]), ports(|must| ca.demand(must)));
    let one = terms(&cert, &ports, None);
    let two = next_process(&cert, &ports, &one);
    let three = next_process(&cert, &ports, &two);
    for (shows, entrances) in [(false, [0, 1]), (false, [2, 2]), (true, [2, 2]), (true, [3, 4])] {
        for terms in [&two, &three] {
            for client in clients(&ca, shows) {
                let (first, second) = ((&one, entrances[0]), (terms, entrances[1]));
                assert_eq!(again(&client, first, second), Ok(true), "{entrances:?}");
            }
        }
        // What the next process gives out is as good in the one that is on its way out.
        for client in clients(&ca, shows) {
            let (first, second) = ((&two, entrances[0]), (&one, entrances[1]));
            assert_eq!(again(&client, first, second), Ok(true), "{entrances:?}");
        }
    }
    // Demands hold there as they did.
    let refused = Err("peer sent no certificates".to_owned());
    for client in clients(&ca, false) {
        assert_eq!(again(&client, (&one, 0), (&two, 3)), refused);
    }
    let other = Authority::new();
    let changed = next_process(&cert, &[(1, Some(other.demand(true)))], &one);
    for client in clients(&ca, true) {
        shake(&one, 3, &client, HOST).unwrap();
        assert!(shake(&changed, 0, &client, HOST).is_err(), "other authorities");
    }
}

type Damage = fn(&mut Vec<u8>);

/// Damages the tickets that it gives out.
#[derive(Debug)]
struct Damaging {
    inner: Arc<dyn ProducesTickets>,
    damage: Damage,
}

impl ProducesTickets for Damaging {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.inner.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut ticket = self.inner.encrypt(plain)?;
        (self.damage)(&mut ticket);
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.inner.decrypt(ticket)
    }
}

/// The same terms, with tickets that are damaged so.
fn damaging(mut terms: Terms, damage: Damage) -> Terms {
    for config in &mut terms.configs {
        let inner = Arc::clone(&config.ticketer);
        Arc::make_mut(config).ticketer = Arc::new(Damaging { inner, damage });
    }
    terms
}

#[test]
fn who_comes_with_a_broken_ticket_has_a_whole_handshake() {
    let ca = Authority::new();
    let (cert, ports) = (ca.cert("one", &[HOST]), [(1, None)]);
    let damages: [(Damage, bool); 7] = [
        (|_| (), true),
        (|ticket| ticket[0] ^= 1, false),
        (|ticket| ticket[20] ^= 0x80, false),
        (|ticket| *ticket.last_mut().unwrap() ^= 1, false),
        (|ticket| ticket.truncate(20), false),
        (|ticket| ticket.push(0), false),
        (|ticket| ticket.fill(7), false),
    ];
    for (damage, is_resumed) in damages {
        let terms = damaging(terms(&cert, &ports, None), damage);
        for client in clients(&ca, false) {
            assert_eq!(again(&client, (&terms, 0), (&terms, 0)), Ok(is_resumed));
        }
    }
}
