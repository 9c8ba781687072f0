//! Deciding about upgrades: what an app sees of a request, and what it may answer.
//! Not for: how an answer gets to the server (`context::deciding`).

use crate::context::{Borrowed, RawHeader};
use crate::{ClientId, Context, Request};
use std::any::Any;
use std::net::SocketAddr;

/// A function that decides about upgrades: see [`App::UPGRADE`](crate::App::UPGRADE).
pub type UpgradeHook<A> = fn(&mut A, &mut Context<'_>, ClientId, &Upgrade<'_>) -> Decision;

/// A request for an upgrade that the server would grant. What it lends out is gone when the hook
/// returns.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<'a> {
    pub(crate) method: Borrowed<'a>,
    pub(crate) request: Request<'a>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) endpoint: u16,
    pub(crate) offered: &'a [Borrowed<'a>],
}

impl<'a> Upgrade<'a> {
    /// The method of the request: `GET`.
    #[must_use]
    pub fn method(&self) -> &'a str {
        std::str::from_utf8(self.method.bytes()).unwrap_or_default()
    }

    /// The request: path, query, header fields, cookies. Its
    /// [`subprotocol`](Request::subprotocol) is the one that the server chooses, unless
    /// [`Accept::subprotocol`] names another.
    #[must_use]
    pub fn request(&self) -> Request<'a> {
        self.request
    }

    /// Address and port of the client, as [`Context::address`] tells them.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// `endpoint_id` (of the server's configuration) of the endpoint that it comes by.
    #[must_use]
    pub fn endpoint(&self) -> u16 {
        self.endpoint
    }

    /// The subprotocols that the client offers, its favourite first.
    pub fn offered(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.offered.iter().map(|name| std::str::from_utf8(name.bytes()).unwrap_or_default())
    }
}

/// What becomes of an upgrade.
#[derive(Debug)]
pub enum Decision {
    /// The client is let in, and opened.
    Accept(Accept),
    /// It is not.
    Refuse(Refusal),
    /// [`Context::accept`] or [`Context::refuse`] follow.
    Later,
}

impl From<Accept> for Decision {
    fn from(accept: Accept) -> Self {
        Self::Accept(accept)
    }
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

pub(crate) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// How a client is let in.
#[derive(Debug, Default)]
pub struct Accept {
    pub(crate) subprotocol: Option<String>,
    pub(crate) fields: Fields,
    pub(crate) value: Option<Box<dyn Any + Send>>,
}

impl Accept {
    /// With the subprotocol that the server chooses.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this subprotocol, which the client must have [offered](Upgrade::offered); with none, if
    /// the name is empty.
    #[must_use]
    pub fn subprotocol(mut self, name: &str) -> Self {
        self.subprotocol = Some(name.to_owned());
        self
    }

    /// With one more header field in the response. At most 32 of them, of 8 KiB in all. The name is a
    /// token (RFC 9110 section 5.6.2) and none that the server writes itself, such as `Connection`,
    /// `Date` or `Sec-WebSocket-Protocol`; the value neither begins nor ends with white space, and
    /// holds no control characters (section 5.5).
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// With a value for [`Context::attached`]. It is dropped after the client's `close`, or when the
    /// client turns out to have left before it was opened.
    #[must_use]
    pub fn attach(mut self, value: impl Any + Send) -> Self {
        self.value = Some(Box::new(value));
        self
    }
}

/// How a client is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Refusal {
    /// With this status (RFC 9110 section 15): 300 to 599, but neither 304 nor 426. Some need a
    /// header field: 401 `WWW-Authenticate`, redirections `Location`.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, fields: Vec::new(), content_type: String::new(), body: Vec::new() }
    }

    /// With one more header field, as [`Accept::header`].
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// With a body of plain text, of at most 32 KiB.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.body("text/plain; charset=utf-8", text)
    }

    /// With a body of this type (RFC 9110 section 8.3), of at most 32 KiB.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        content_type.clone_into(&mut self.content_type);
        self.body = body.as_ref().to_vec();
        self
    }
}

/// Fields as the server wants them.
pub(crate) fn raw(fields: &Fields) -> Vec<RawHeader<'_>> {
    fields
        .iter()
        .map(|(name, value)| RawHeader { name: Borrowed::of(name), value: Borrowed::of(value) })
        .collect()
}
