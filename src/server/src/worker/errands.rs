//! What an app asks of its worker beside sending: openings, ends, decisions, subscriptions.
//! Apart from `deliver`, whose way of a frame is the shorter for it.

use ringsocket_proto::CloseCode;

use super::Worker;
use super::deliver::News;
use super::net::Net;
use crate::message::{ClientId, Outbound};

/// A record of that kind, out of the ring: that is the worker's too, which acts on it as a whole.
pub(super) enum Errand {
    Nothing,
    Open(ClientId),
    Close(ClientId, CloseCode, String),
    LetIn(ClientId, Vec<u8>),
    TurnDown(ClientId, u16, Vec<u8>),
    Subscription(ClientId, u64, bool),
    Heed(News),
}

impl Errand {
    /// What a record asks for.
    #[inline(never)]
    pub(super) fn of(record: &Outbound<'_>) -> Self {
        match *record {
            Outbound::Drained | Outbound::Parked => return Self::Heed(News::Drained),
            Outbound::Fault => return Self::Heed(News::Fault),
            _ => {}
        }
        let Some(client) = record.clients().and_then(|clients| clients.iter().next()) else {
            return Self::Nothing;
        };
        match *record {
            Outbound::Opened { .. } => Self::Open(client),
            Outbound::Close { code, reason, .. } => match CloseCode::sendable(code) {
                Some(code) => {
                    Self::Close(client, code, String::from_utf8_lossy(reason).into_owned())
                }
                None => Self::Nothing,
            },
            Outbound::Accept { lines, .. } => Self::LetIn(client, lines.to_vec()),
            Outbound::Refuse { status, response, .. } => {
                Self::TurnDown(client, status, response.to_vec())
            }
            Outbound::Subscription { topic, begins, .. } => {
                Self::Subscription(client, topic, begins)
            }
            Outbound::Send { .. } | Outbound::Drained | Outbound::Parked | Outbound::Fault => {
                Self::Nothing
            }
        }
    }
}

impl<N: Net> Worker<N> {
    /// Does what an app asks for. Says how many bytes it was about, and passes on what concerns all
    /// of its clients.
    #[inline(never)]
    pub(super) fn run_errand(&mut self, app: usize, errand: Errand) -> (usize, Option<News>) {
        let mut bytes = 0;
        match errand {
            Errand::Nothing => {}
            Errand::Open(client) => self.enrol(app, Some(client)),
            Errand::Close(client, code, reason) => self.close_for(app, client, code, &reason),
            Errand::LetIn(client, lines) => {
                bytes = lines.len();
                self.let_in(app, Some(client), &lines);
            }
            Errand::TurnDown(client, status, response) => {
                bytes = response.len();
                self.turn_down(app, Some(client), status, &response);
            }
            Errand::Subscription(client, topic, begins) => {
                self.set_subscription(app, Some(client), topic, begins);
            }
            Errand::Heed(news) => return (0, Some(news)),
        }
        (bytes, None)
    }
}
