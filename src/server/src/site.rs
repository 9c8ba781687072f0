//! What is served: which app stands at which endpoint, and which pages lie beside them.
//!
//! Made once from the configuration, then only read, by all workers at the same time.

use std::sync::Arc;

use ringsocket_proto::deflate::{Agreed, Terms};
use ringsocket_proto::upgrade::{self, Decision, Endpoint};
use ringsocket_proto::{Request, Response};

use crate::www::{Page, Pages};

/// The endpoint that an index of [`Site::endpoints`] stands for.
#[derive(Debug, Clone)]
pub struct Route {
    /// Number of the app.
    pub app: u16,
    /// `endpoint_id` of the configuration, which the app gets to see.
    pub endpoint_id: u16,
    /// Pages beside the endpoint.
    pub pages: Option<Arc<Pages>>,
}

/// A listening socket, as far as requests are concerned.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// The port that a `Host` header without one means: 80, or 443 behind TLS.
    pub default_port: u16,
    /// Pages of this port.
    pub pages: Option<Arc<Pages>>,
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
    /// A page, without its body if the request was a `HEAD`.
    Page(Arc<Page>, bool),
    /// Any other response, without its body if the request was a `HEAD`.
    Refuse(Response, bool),
}

impl Site {
    /// Answers a request that came in through the entrance with this index. Compression may be
    /// agreed on by these `terms`; `can_take` says whether an app can take connections at the
    /// moment.
    pub fn answer(
        &self,
        request: &Request<'_>,
        entrance: u16,
        terms: Option<&Terms>,
        can_take: impl Fn(u16) -> bool,
    ) -> Answer {
        let entrance = self.entrances.get(usize::from(entrance));
        let default_port = entrance.map_or(80, |entrance| entrance.default_port);
        let head_only = request.method() == "HEAD";
        match upgrade::decide(request, &self.endpoints, default_port, terms) {
            Decision::Accept { endpoint, subprotocol, deflate } => {
                let Route { app, endpoint_id, .. } = self.routes[endpoint];
                if can_take(app) {
                    Answer::Accept { app, endpoint_id, subprotocol, deflate }
                } else {
                    let why = "This service is stopping or has failed; try again later.";
                    Answer::Refuse(Response::unavailable(why), head_only)
                }
            }
            Decision::Refuse(response) => Answer::Refuse(response, head_only),
            Decision::Page { otherwise } => {
                let path = request.path();
                let of_port = entrance.and_then(|entrance| entrance.pages.as_ref()?.get(path));
                let mut of_endpoints =
                    self.endpoints.iter().zip(&self.routes).filter_map(|(endpoint, route)| {
                        route.pages.as_ref()?.get_below(&endpoint.path, path)
                    });
                match of_port.or_else(|| of_endpoints.next()) {
                    Some(page) => Answer::Page(page, head_only),
                    None => Answer::Refuse(otherwise, head_only),
                }
            }
        }
    }
}
