//! Who gets a message: `cx.to(client).text("hi")`. Only a way of saying it; nothing is stored, and
//! a send is one call into the server.

use crate::abi::Recipients as To;
use crate::{ClientId, Context, Error, Level, Message};
use std::slice;

/// Whom the next message goes to: made by [`Context::to`], [`Context::to_many`] or
/// [`Everyone::except`].
///
/// The server copies the message. Each client gets messages in the order in which they were sent.
#[derive(Clone, Copy, Debug)]
#[must_use = "names recipients, but sends nothing"]
pub struct Recipients<'c> {
    cx: &'c Context<'c>,
    to: To,
    clients: Clients<'c>,
}

#[derive(Clone, Copy, Debug)]
enum Clients<'c> {
    One(ClientId),
    Many(&'c [ClientId]),
}

impl<'c> Recipients<'c> {
    pub(crate) fn one(cx: &'c Context<'_>, client: ClientId) -> Self {
        Self { cx, to: To::LISTED, clients: Clients::One(client) }
    }

    pub(crate) fn many(cx: &'c Context<'_>, clients: &'c [ClientId]) -> Self {
        Self { cx, to: To::LISTED, clients: Clients::Many(clients) }
    }

    /// Sends a text message. A failure is logged, see [`send`](Self::send).
    #[track_caller]
    pub fn text(self, text: &str) {
        self.send(Message::Text(text));
    }

    /// Sends a binary message. A failure is logged, see [`send`](Self::send).
    #[track_caller]
    pub fn binary(self, bytes: &[u8]) {
        self.send(Message::Binary(bytes));
    }

    /// Sends a message.
    ///
    /// If it fails, which is a fault of the app ([`try_send`](Self::try_send) says when), an error
    /// is logged with the caller's place in the source.
    #[track_caller]
    pub fn send<'m>(self, message: impl Into<Message<'m>>) {
        let message = message.into();
        let (cx, size) = (self.cx, message.len());
        if let Err(error) = self.try_send(message) {
            cx.log(Level::Error, format_args!("a message of {size} bytes was not sent: {error}"));
        }
    }

    /// Sends a message, or says why it cannot.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a message larger than
    /// [`max_message_size`](crate::Conf::max_message_size), [`Error::NotHere`] in
    /// [`App::init`](crate::App::init).
    pub fn try_send<'m>(self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        let clients = match &self.clients {
            Clients::One(client) => slice::from_ref(client),
            Clients::Many(clients) => clients,
        };
        self.cx.send(message.into(), self.to, clients)
    }
}

/// All clients of the app: made by [`Context::to_all`].
#[derive(Clone, Copy, Debug)]
#[must_use = "names recipients, but sends nothing"]
pub struct Everyone<'c> {
    cx: &'c Context<'c>,
}

impl<'c> Everyone<'c> {
    pub(crate) fn new(cx: &'c Context<'_>) -> Self {
        Self { cx }
    }

    fn recipients(self) -> Recipients<'c> {
        Recipients { cx: self.cx, to: To::ALL, clients: Clients::Many(&[]) }
    }

    /// All clients but this one.
    pub fn except(self, client: ClientId) -> Recipients<'c> {
        Recipients { cx: self.cx, to: To::ALL_EXCEPT, clients: Clients::One(client) }
    }

    /// All clients but these.
    pub fn except_many(self, clients: &'c [ClientId]) -> Recipients<'c> {
        Recipients { cx: self.cx, to: To::ALL_EXCEPT, clients: Clients::Many(clients) }
    }

    /// Sends a text message, as [`Recipients::text`].
    #[track_caller]
    pub fn text(self, text: &str) {
        self.recipients().text(text);
    }

    /// Sends a binary message, as [`Recipients::binary`].
    #[track_caller]
    pub fn binary(self, bytes: &[u8]) {
        self.recipients().binary(bytes);
    }

    /// Sends a message, as [`Recipients::send`].
    #[track_caller]
    pub fn send<'m>(self, message: impl Into<Message<'m>>) {
        self.recipients().send(message);
    }

    /// Sends a message or says why it cannot, as [`Recipients::try_send`].
    ///
    /// # Errors
    ///
    /// Those of [`Recipients::try_send`].
    pub fn try_send<'m>(self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.recipients().try_send(message)
    }
}
