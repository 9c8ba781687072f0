//! Requests: each is answered with an upgrade, a page, the health, or a status that says why not.
//! Not for: what is served where (`site`), nor what the answers look like (`proto`).

use std::sync::Arc;
use std::time::SystemTime;

use ringsocket_proto::deflate::Agreement;
use ringsocket_proto::upgrade::Handshake;
use ringsocket_proto::{Millis, Request, http, response, upgrade};

use super::allowance::{Allowance, Rates};
use super::net::Net;
use super::peer::{Owed, Peer, Stage};
use super::read::Step;
use super::to_app::Congested;
use super::{Counters, Worker, count};
use crate::log::{self, Level};
use crate::message::{Inbound, Opening, PeerAddress};
use crate::site::{Answer, Site, Things};
use crate::tls::Identity;
use crate::www::Page;

/// Where requests are answered. It needs the request, which borrows from the connection; what
/// changes the connection comes after it, in [`Worker::follow`].
pub(super) struct Desk<'a, F> {
    pub(super) site: &'a Site,
    pub(super) things: Things<F>,
    /// Takes what an app is told of the request: an [`Opening`].
    pub(super) opening: &'a mut Vec<u8>,
    /// Takes the response.
    pub(super) out: &'a mut Vec<u8>,
}

/// What follows from a response that was written.
pub(super) enum Reply {
    /// The connection belongs to an app now.
    Accept {
        /// Number of the app.
        app: u16,
        /// What the app calls the endpoint.
        endpoint: u16,
        /// How its messages are compressed.
        deflate: Option<Agreement>,
    },
    /// The app decides: nothing is written yet.
    Ask {
        /// Number of the app.
        app: u16,
        /// What the app calls the endpoint.
        endpoint: u16,
        /// What its 101 needs, if it gets one.
        handshake: Handshake,
    },
    /// A page goes out behind the head that was written.
    Page(Arc<Page>),
    /// The response was whole, with this status.
    Whole(u16),
}

impl<F: Fn(u16) -> bool> Desk<'_, F> {
    /// Writes the response to a request that came from `address` through the entrance with this
    /// index, by a connection of this identity, if it is encrypted.
    pub(super) fn answer(
        &mut self,
        request: &Request<'_>,
        entrance: u16,
        address: PeerAddress,
        identity: Option<&Identity>,
    ) -> Reply {
        match self.site.answer(request, entrance, identity, &self.things) {
            Answer::Ask { app, endpoint_id, subprotocol, deflate } => {
                self.opening.clear();
                let subprotocol = subprotocol.as_deref();
                write_opening(request, subprotocol, address, identity, self.opening);
                let handshake = Handshake::new(request, deflate);
                Reply::Ask { app, endpoint: endpoint_id, handshake }
            }
            Answer::Accept { app, endpoint_id, subprotocol, deflate } => {
                let subprotocol = subprotocol.as_deref();
                let agreed = deflate.as_ref();
                upgrade::write_switching_protocols(request, subprotocol, agreed, self.out);
                self.opening.clear();
                write_opening(request, subprotocol, address, identity, self.opening);
                let deflate = deflate.map(|agreed| agreed.agreement);
                Reply::Accept { app, endpoint: endpoint_id, deflate }
            }
            Answer::Page(page, head_only) => {
                response::write_page_head(page.content_type, page.body.len(), self.out);
                if head_only { Reply::Whole(200) } else { Reply::Page(page) }
            }
            Answer::Health(health, head_only) => {
                response::write_json(health.status(), health.json(), head_only, self.out);
                Reply::Whole(health.status())
            }
            Answer::Refuse(response, head_only) => {
                response.write(head_only, self.out);
                Reply::Whole(response.status)
            }
        }
    }
}

impl<N: Net> Worker<N> {
    /// Has a connection be what the response to its request makes of it.
    pub(super) fn follow(&mut self, slot: u32, reply: Reply) -> Step {
        let client = self.client_id(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return Step::NeedMore };
        if let Some(tls) = &mut peer.tls {
            tls.forget_identity();
        }
        match reply {
            Reply::Accept { app, endpoint, deflate } => {
                peer.app = app;
                self.clients[usize::from(app)] += 1;
                peer.flags.set_counted(true);
                let counters = &self.shared.counters[usize::from(self.index)];
                admit(peer, deflate, counters, &self.policy.rates, self.now);
                let opening = &self.opening[..];
                let record = Inbound::Open { client, endpoint, opening };
                match self.to_apps[usize::from(app)].push(record) {
                    Ok(()) => Step::Next,
                    Err(Congested(())) => {
                        Step::Owe(Owed::Open { endpoint, opening: opening.to_vec() })
                    }
                }
            }
            Reply::Ask { app, endpoint, handshake } => {
                peer.app = app;
                self.clients[usize::from(app)] += 1;
                peer.flags.set_counted(true);
                Step::Asked(self.ask(slot, endpoint, handshake))
            }
            Reply::Page(page) => {
                peer.connection.refuse();
                Step::Page(page)
            }
            Reply::Whole(status) => {
                peer.connection.refuse();
                Step::Refused(status)
            }
        }
    }
}

/// Makes a client of a connection whose 101 is written.
pub(super) fn admit<S>(
    peer: &mut Peer<S>,
    deflate: Option<Agreement>,
    counters: &Counters,
    rates: &Rates,
    now: Millis,
) {
    peer.connection.accept(deflate, now);
    peer.allowance = Allowance::new(rates, now);
    if peer.connection.takes_over() {
        count(&counters.takeovers);
    }
    peer.stage = Stage::Announced;
}

impl<N: Net> Worker<N> {
    /// Adds the `Date` to the response that begins at `start` of the scratch buffer.
    pub(super) fn date_response(&mut self, start: usize) {
        response::insert_date(&mut self.gather.scratch, start, &http_date(&self.net));
    }

    /// What came was no request, and was answered with an error.
    pub(super) fn note_bad_request(&mut self, slot: u32, status: u16, why: &'static str) {
        count(&self.counters().refused);
        let peer = self.address(slot);
        if why == http::TLS_UNEXPECTED {
            log::limited!(
                Level::Notice,
                id: log::id::TLS_ON_PLAIN_PORT,
                worker: self.index,
                peer: peer,
                "refused with {status}: TLS on a port that is not encrypted; whoever connects (a \
                 proxy?) should use ws:// or http://"
            );
        } else {
            log::limited!(
                Level::Info,
                worker: self.index,
                peer: peer,
                "refused with {status}: {why}"
            );
        }
    }
}

/// The time of day as `Date` fields have it (RFC 9110 section 5.6.7).
pub(super) fn http_date(net: &impl Net) -> String {
    // A clock that is not set yet must not harm: nothing before 1970 can be written.
    httpdate::fmt_http_date(net.wall_clock().max(SystemTime::UNIX_EPOCH))
}

/// Writes down what an app is told of the request that opened a connection.
fn write_opening(
    request: &Request<'_>,
    subprotocol: Option<&str>,
    address: PeerAddress,
    identity: Option<&Identity>,
    out: &mut Vec<u8>,
) {
    let fields = [
        request.path().as_bytes(),
        request.query().unwrap_or_default().as_bytes(),
        request.host().unwrap_or_default().as_bytes(),
        subprotocol.unwrap_or_default().as_bytes(),
    ];
    Opening::write(address, fields, identity, request.headers(), out);
}
