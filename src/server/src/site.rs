//! What is served: which app stands at which endpoint, and which pages lie beside them.
//! Not for: the state of apps and workers, which whoever asks has to tell.
//!
//! Made once from the configuration, then only read, by all workers at the same time.

use std::sync::Arc;

use ringsocket_proto::deflate::{Agreed, Terms};
use ringsocket_proto::upgrade::{self, Authority, Decision, Endpoint};
use ringsocket_proto::{Request, Response, misdirected};

use crate::proxies::Proxies;
use crate::tls::{self, Identity};
use crate::www::{Page, Pages};

/// The endpoint that an index of [`Site::endpoints`] stands for.
#[derive(Debug, Clone)]
pub struct Route {
    /// Number of the app.
    pub app: u16,
    /// `endpoint_id` of the configuration, which the app gets to see.
    pub endpoint_id: u16,
    /// Whether the app decides about upgrades.
    pub decides: bool,
    /// Pages beside the endpoint.
    pub pages: Option<Arc<Pages>>,
}

/// A listening socket, as far as requests are concerned.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// Whether connections here are encrypted (TLS).
    pub is_tls: bool,
    /// Pages of this port.
    pub pages: Option<Arc<Pages>>,
    /// Whether each connection begins with a header of the PROXY protocol, before any TLS.
    pub proxy_protocol: bool,
}

/// All that a worker must know to answer a request.
#[derive(Debug, Default)]
pub struct Site {
    /// The endpoints, in the form in which the protocol matches them.
    pub endpoints: Vec<Endpoint>,
    /// What stands behind each endpoint.
    pub routes: Vec<Route>,
    /// The listening sockets.
    pub entrances: Vec<Entrance>,
    /// What TLS handshakes are about.
    pub tls: Arc<tls::Terms>,
    /// Who may say where a client comes from.
    pub proxies: Proxies,
    /// The path at which plain requests are told the [`Health`], on every host and port.
    pub health_path: Option<String>,
    /// An app of the configuration could not be loaded.
    pub lacks_app: bool,
}

/// How the server is, in a word for those who ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    /// It serves.
    Ok,
    /// It serves, but some app has failed. The status stays 200: a balancer that took the server
    /// out for this would take the other apps out too.
    Degraded,
    /// It stops, and takes no connection any more.
    Stopping,
}

impl Health {
    /// The status code, which is all that most of those who ask look at.
    pub fn status(self) -> u16 {
        match self {
            Self::Ok | Self::Degraded => 200,
            Self::Stopping => 503,
        }
    }

    /// The body. It tells strangers nothing that they could measure the load by.
    pub fn json(self) -> &'static str {
        match self {
            Self::Ok => "{\"status\":\"ok\"}\n",
            Self::Degraded => "{\"status\":\"degraded\"}\n",
            Self::Stopping => "{\"status\":\"stopping\"}\n",
        }
    }
}

/// How things are when a request comes.
#[derive(Debug)]
pub struct Things<F> {
    /// The server stops.
    pub is_stopping: bool,
    /// Whether an app has failed.
    pub has_failed: F,
    /// The terms on which compression may be agreed on; `None`: not at all.
    pub terms: Option<Terms>,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Answer {
    /// The upgrade is granted: the connection belongs to this app now.
    Accept {
        /// Number of the app.
        app: u16,
        /// What the app calls the endpoint.
        endpoint_id: u16,
        /// The subprotocol agreed on.
        subprotocol: Option<String>,
        /// What was agreed on about compression.
        deflate: Option<Agreed>,
    },
    /// The upgrade would be granted, and its app decides: with the same, where the subprotocol is what
    /// would be agreed on.
    Ask {
        /// Number of the app.
        app: u16,
        /// What the app calls the endpoint.
        endpoint_id: u16,
        /// The subprotocol to agree on.
        subprotocol: Option<String>,
        /// What to agree on about compression.
        deflate: Option<Agreed>,
    },
    /// A page, without its body if the request was a `HEAD`.
    Page(Arc<Page>, bool),
    /// How the server is, without the body if the request was a `HEAD`.
    Health(Health, bool),
    /// Any other response, without its body if the request was a `HEAD`.
    Refuse(Response, bool),
}

impl Site {
    /// The path of an app's endpoint with this `endpoint_id`; empty if there is none (any more).
    pub fn path_of(&self, app: u16, endpoint_id: u16) -> &str {
        let is_it = |route: &Route| route.app == app && route.endpoint_id == endpoint_id;
        let at = self.routes.iter().position(is_it);
        at.and_then(|at| self.endpoints.get(at)).map_or("", |endpoint| &endpoint.path)
    }

    /// Answers a request that came in through the entrance with this index, as things are, by a
    /// connection of this identity, if it is encrypted.
    ///
    /// The health path goes before endpoints and pages, but only for plain requests: one that asks
    /// for an upgrade looks for an endpoint, there as everywhere.
    pub fn answer<F: Fn(u16) -> bool>(
        &self,
        request: &Request<'_>,
        entrance: u16,
        identity: Option<&Identity>,
        things: &Things<F>,
    ) -> Answer {
        let head_only = request.method() == "HEAD";
        if let Some(response) = identity.and_then(|identity| refuse_connection(request, identity)) {
            return Answer::Refuse(response, head_only);
        }
        let entrance = self.entrances.get(usize::from(entrance));
        let is_tls = entrance.is_some_and(|entrance| entrance.is_tls);
        match upgrade::decide(request, &self.endpoints, is_tls, things.terms.as_ref()) {
            Decision::Accept { endpoint, subprotocol, deflate } => {
                let Route { app, endpoint_id, decides, .. } = self.routes[endpoint];
                let is_served = !things.is_stopping && !(things.has_failed)(app);
                if is_served && decides {
                    Answer::Ask { app, endpoint_id, subprotocol, deflate }
                } else if is_served {
                    Answer::Accept { app, endpoint_id, subprotocol, deflate }
                } else {
                    let why = "This service is stopping or has failed; try again later.";
                    Answer::Refuse(Response::unavailable(why), head_only)
                }
            }
            Decision::Refuse(response) => Answer::Refuse(response, head_only),
            Decision::Page { .. } if self.health_path.as_deref() == Some(request.path()) => {
                Answer::Health(self.health(things), head_only)
            }
            Decision::Page { otherwise } => {
                let path = request.path();
                let of_port = entrance.and_then(|entrance| entrance.pages.as_ref()?.get(path));
                let of_endpoints = self.endpoints.iter().zip(&self.routes);
                let mut of_endpoints = of_endpoints
                    .filter(|(endpoint, _)| endpoint.answers_to(request, is_tls))
                    .filter_map(|(endpoint, route)| {
                        route.pages.as_ref()?.get_below(&endpoint.path, path)
                    });
                match of_port.or_else(|| of_endpoints.next()) {
                    Some(page) => Answer::Page(page, head_only),
                    None => Answer::Refuse(otherwise, head_only),
                }
            }
        }
    }

    /// A line for each endpoint whose scheme fits no entrance.
    pub fn unreachable(&self) -> impl Iterator<Item = String> + '_ {
        self.endpoints.iter().filter_map(|endpoint| {
            let (is_tls, Authority { host, port }) =
                endpoint.is_tls.zip(endpoint.authority.as_ref())?;
            if self.entrances.iter().any(|entrance| entrance.is_tls == is_tls) {
                return None;
            }
            let [scheme, what] = if is_tls { ["wss", "encrypted"] } else { ["ws", "unencrypted"] };
            let path = &endpoint.path;
            Some(format!(
                "nobody can get to {scheme}://{host}:{port}{path}: there is no {what} socket (one \
                 named wss by FileDescriptorName= is encrypted, or of a port that `ports` lists \
                 without `is_unencrypted`)"
            ))
        })
    }

    fn health<F: Fn(u16) -> bool>(&self, things: &Things<F>) -> Health {
        if things.is_stopping {
            Health::Stopping
        } else if self.lacks_app || self.routes.iter().any(|route| (things.has_failed)(route.app)) {
            Health::Degraded
        } else {
            Health::Ok
        }
    }
}

/// Why a connection cannot lead to an app.
const TOO_MANY_NAMES: &str =
    "The client certificate has more, or longer, names than an app can be told.";

/// The response to a request that its TLS connection does not fit, or that no app can be told of.
fn refuse_connection(request: &Request<'_>, identity: &Identity) -> Option<Response> {
    let server_name = identity.server_name.as_deref();
    let misdirected = server_name.and_then(|name| misdirected::refuse(request, name));
    let is_told = identity.told_size() <= Identity::MAX_TOLD_SIZE;
    misdirected.or_else(|| (!is_told).then(|| Response::bad_request(TOO_MANY_NAMES)))
}

#[cfg(test)]
mod tests;
