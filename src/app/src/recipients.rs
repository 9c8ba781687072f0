//! Who gets a message: `cx.to(client).text("hi")`. Only a way of saying it; nothing is stored, and
//! a send is one call into the server.

use crate::abi::Recipients as To;
use crate::{ClientId, Context, Error, Level, Message, Payload, Text};
use std::slice;

/// Whom the next message goes to: made by [`Context::to`], [`Context::to_many`] and
/// [`Context::to_all`].
///
/// The server copies the message. Each client gets messages in the order in which they were sent.
///
/// ```
/// # use ringsocket_app::{ClientId, Context, Message};
/// # fn examples(cx: &Context<'_>, ann: ClientId, ben: ClientId, message: Message<'_>) {
/// let name = "Ann";
/// cx.to(ann).text("welcome");
/// cx.to_many(&[ann, ben]).binary([1, 2, 3]);
/// cx.to_all().send(message);
/// cx.to_all().except(ann).text(format_args!("{name} is here"));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "names recipients, but sends nothing"]
pub struct Recipients<'c, W> {
    cx: &'c Context<'c>,
    whom: W,
}

/// What [`Recipients`] can be.
pub trait Whom: Copy {
    /// Has the server send a message to them.
    #[doc(hidden)]
    fn send(self, cx: &Context<'_>, message: Message<'_>) -> Result<(), Error>;
}

/// One client.
#[derive(Clone, Copy, Debug)]
pub struct One(ClientId);

/// Several clients.
#[derive(Clone, Copy, Debug)]
pub struct Many<'c>(&'c [ClientId]);

/// All clients of the app.
#[derive(Clone, Copy, Debug)]
pub struct All(());

/// All clients of the app except some.
#[derive(Clone, Copy, Debug)]
pub struct AllExcept<W>(W);

impl Whom for One {
    #[inline]
    fn send(self, cx: &Context<'_>, message: Message<'_>) -> Result<(), Error> {
        cx.send(message, To::LISTED, slice::from_ref(&self.0))
    }
}

impl Whom for Many<'_> {
    #[inline]
    fn send(self, cx: &Context<'_>, message: Message<'_>) -> Result<(), Error> {
        cx.send(message, To::LISTED, self.0)
    }
}

impl Whom for All {
    #[inline]
    fn send(self, cx: &Context<'_>, message: Message<'_>) -> Result<(), Error> {
        cx.send(message, To::ALL, &[])
    }
}

impl Whom for AllExcept<One> {
    #[inline]
    fn send(self, cx: &Context<'_>, message: Message<'_>) -> Result<(), Error> {
        cx.send(message, To::ALL_EXCEPT, slice::from_ref(&self.0.0))
    }
}

impl Whom for AllExcept<Many<'_>> {
    #[inline]
    fn send(self, cx: &Context<'_>, message: Message<'_>) -> Result<(), Error> {
        cx.send(message, To::ALL_EXCEPT, self.0.0)
    }
}

impl Context<'_> {
    /// Names one client as the recipient: `cx.to(client).text("hi")`.
    pub fn to(&self, client: ClientId) -> Recipients<'_, One> {
        Recipients::new(self, One(client))
    }

    /// Names several clients as the recipients. The message crosses to the server once.
    pub fn to_many<'c>(&'c self, clients: &'c [ClientId]) -> Recipients<'c, Many<'c>> {
        Recipients::new(self, Many(clients))
    }

    /// Names all clients of this app as the recipients, or all but some:
    /// `cx.to_all().except(client).text("hi")`.
    pub fn to_all(&self) -> Recipients<'_, All> {
        Recipients::new(self, All(()))
    }
}

impl<'c> Recipients<'c, All> {
    /// All clients but this one.
    pub fn except(self, client: ClientId) -> Recipients<'c, AllExcept<One>> {
        Recipients::new(self.cx, AllExcept(One(client)))
    }

    /// All clients but these.
    pub fn except_many(self, clients: &'c [ClientId]) -> Recipients<'c, AllExcept<Many<'c>>> {
        Recipients::new(self.cx, AllExcept(Many(clients)))
    }
}

impl<'c, W: Whom> Recipients<'c, W> {
    pub(crate) fn new(cx: &'c Context<'_>, whom: W) -> Self {
        Self { cx, whom }
    }

    pub(crate) fn map(self, change: impl FnOnce(W) -> W) -> Self {
        Self { whom: change(self.whom), ..self }
    }

    /// Sends a text message: a string, or [`format_args!`]. A failure is logged, see
    /// [`send`](Self::send).
    #[track_caller]
    pub fn text(self, text: impl Text) {
        let (size, sent) =
            text.with_str(|text| (text.len(), self.whom.send(self.cx, Message::Text(text))));
        if let Err(error) = sent {
            self.report(Some(size), error);
        }
    }

    /// Sends a binary message. A failure is logged, see [`send`](Self::send).
    #[track_caller]
    pub fn binary(self, bytes: impl AsRef<[u8]>) {
        self.send(Message::Binary(bytes.as_ref()));
    }

    /// Sends a message: a [`Message`], or a typed one ([`messages!`](crate::messages!)).
    ///
    /// If it fails, which is a fault of the app ([`try_send`](Self::try_send) says when), an error
    /// is logged with the caller's place in the source.
    #[track_caller]
    pub fn send(self, message: impl Payload) {
        let mut size = None;
        let sent = message.with(|message| {
            size = Some(message.len());
            self.whom.send(self.cx, message)
        });
        if let Err(error) = sent.and_then(|result| result) {
            self.report(size, error);
        }
    }

    /// Sends a message, or says why it cannot.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] for a message larger than
    /// [`max_message_size`](crate::Conf::max_message_size), [`Error::NotHere`] in
    /// [`App::init`](crate::App::init), [`Error::Malformed`] for a typed message that is not as it
    /// is declared.
    pub fn try_send(self, message: impl Payload) -> Result<(), Error> {
        message.with(|message| self.whom.send(self.cx, message))?
    }

    #[cold]
    #[track_caller]
    fn report(self, size: Option<usize>, error: Error) {
        let text = match size {
            Some(size) => format!("a message of {size} bytes was not sent: {error}"),
            None => format!("a message was not sent: {error}"),
        };
        self.cx.log(Level::Error, text);
    }
}
