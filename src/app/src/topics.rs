//! Topics: clients are subscribed to names, and a message published to a name goes to all of them.
//! Only a way of saying it: who is subscribed to what, the server knows.

use crate::{ClientId, Context, Error, Level, Message, Payload, Recipients, Whom, abi};
use std::fmt;
use std::slice;

/// # Topics
///
/// A *topic* is a name, 1 to 255 bytes of any value, that clients of this app can be subscribed to.
/// It exists while one is. The server's workers know their own subscribers, so a publish costs the
/// same however many other clients there are. A client that goes is subscribed to nothing any more,
/// already in its [`App::close`](crate::App::close).
///
/// ```
/// use ringsocket_app::{App, ClientId, Context, Message};
///
/// struct News;
///
/// impl App for News {
///     fn init(_: &mut Context<'_>) -> Result<Self, Box<dyn std::error::Error>> {
///         Ok(News)
///     }
///     fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
///         cx.subscribe(client, "all");
///     }
///     fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
///         match message.as_text().and_then(|text| text.split_once(' ')) {
///             Some(("join", room)) => {
///                 if let Err(error) = cx.try_subscribe(client, room) {
///                     cx.to(client).text(error.to_string());
///                 }
///             }
///             Some(("leave", room)) => cx.unsubscribe(client, room),
///             Some((room, line)) => cx.to_topic(room).except(client).text(line),
///             None => cx.publish("all", message),
///         }
///     }
/// }
///
/// let mut host = ringsocket_app::testing::TestHost::<News>::start().unwrap();
/// let (ann, ben) = (host.open("/"), host.open("/"));
/// host.text(ann, "join den");
/// host.text(ben, "join den");
/// host.text(ann, "den hi");
/// assert_eq!(host.received(ben), ["hi"]);
/// host.text(ben, "to-everybody");
/// assert_eq!(host.received(ann), ["to-everybody"]);
/// ```
impl Context<'_> {
    /// Subscribes a client to a topic; does nothing if it is subscribed already.
    ///
    /// A client that has left is no error. Other failures are logged as errors with the caller's
    /// place in the source; where clients choose their topics, use
    /// [`try_subscribe`](Self::try_subscribe).
    #[track_caller]
    pub fn subscribe(&self, client: ClientId, topic: impl AsRef<[u8]>) {
        let result = self.try_subscribe(client, topic);
        self.log_unless_gone(result, format_args!("client {client} was not subscribed"));
    }

    /// Subscribes a client to a topic as [`subscribe`](Self::subscribe) does, or says why it cannot.
    ///
    /// # Errors
    ///
    /// [`Error::NoClient`] if it has left, [`Error::TopicName`] for a name that is not of 1 to 255
    /// bytes, [`Error::Limit`] if the client is subscribed to as many topics as it may be
    /// (`max_topics_per_client`, 64 unless configured) or the app has as many (`max_topics_per_app`),
    /// [`Error::NotHere`] in [`App::init`](crate::App::init), [`Error::TooLarge`] if
    /// [`App::open`](crate::App::open) has sent more than it may.
    pub fn try_subscribe(&self, client: ClientId, topic: impl AsRef<[u8]>) -> Result<(), Error> {
        self.set_subscription(client, checked(topic.as_ref())?, true)
    }

    /// Ends a client's subscription to a topic; does nothing if there is none.
    ///
    /// Failures are logged as by [`subscribe`](Self::subscribe).
    #[track_caller]
    pub fn unsubscribe(&self, client: ClientId, topic: impl AsRef<[u8]>) {
        let result = self.try_unsubscribe(client, topic);
        self.log_unless_gone(result, format_args!("client {client} was not unsubscribed"));
    }

    /// Ends a client's subscription to a topic, or says why it cannot.
    ///
    /// # Errors
    ///
    /// Those of [`try_subscribe`](Self::try_subscribe), but for [`Error::Limit`].
    pub fn try_unsubscribe(&self, client: ClientId, topic: impl AsRef<[u8]>) -> Result<(), Error> {
        self.set_subscription(client, checked(topic.as_ref())?, false)
    }

    /// Sends a message to all subscribers of a topic, if there are any:
    /// `cx.to_topic(topic).send(message)`.
    #[track_caller]
    pub fn publish(&self, topic: impl AsRef<[u8]>, message: impl Payload) {
        self.to_topic(&topic).send(message);
    }

    /// Names all subscribers of a topic as the recipients, or all but some:
    /// `cx.to_topic("news").except(client).text("hi")`.
    ///
    /// That nobody is subscribed is no failure. A name that is not of 1 to 255 bytes is one, beside
    /// those of [`Recipients::try_send`]: [`Error::TopicName`].
    pub fn to_topic<'c>(
        &'c self,
        topic: &'c (impl AsRef<[u8]> + ?Sized),
    ) -> Recipients<'c, Subscribers<'c>> {
        Recipients::new(self, Subscribers { topic: topic.as_ref(), except: Except::Nobody })
    }

    #[track_caller]
    fn log_unless_gone(&self, result: Result<(), Error>, what: fmt::Arguments<'_>) {
        match result {
            Ok(()) | Err(Error::NoClient) => {}
            Err(error) => self.log(Level::Error, format_args!("{what}: {error}")),
        }
    }
}

fn checked(topic: &[u8]) -> Result<&[u8], Error> {
    let is_name = (1..=abi::TOPIC_MAX_SIZE).contains(&topic.len());
    if is_name { Ok(topic) } else { Err(Error::TopicName) }
}

/// The subscribers of a topic: see [`Context::to_topic`].
#[derive(Clone, Copy, Debug)]
pub struct Subscribers<'c> {
    topic: &'c [u8],
    except: Except<'c>,
}

#[derive(Clone, Copy, Debug)]
enum Except<'c> {
    Nobody,
    One(ClientId),
    Many(&'c [ClientId]),
}

impl Whom for Subscribers<'_> {
    fn send(self, cx: &Context<'_>, message: Message<'_>) -> Result<(), Error> {
        let except = match &self.except {
            Except::Nobody => &[],
            Except::One(client) => slice::from_ref(client),
            Except::Many(clients) => clients,
        };
        cx.send_to_subscribers(checked(self.topic)?, message, except)
    }
}

impl<'c> Recipients<'c, Subscribers<'c>> {
    /// All but this client, be it a subscriber or not; in place of those named before.
    pub fn except(self, client: ClientId) -> Self {
        self.map(|whom| Subscribers { except: Except::One(client), ..whom })
    }

    /// All but these clients; in place of those named before.
    pub fn except_many(self, clients: &'c [ClientId]) -> Self {
        self.map(|whom| Subscribers { except: Except::Many(clients), ..whom })
    }
}
