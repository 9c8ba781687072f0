//! A test app of topics: it does what a client tells it in words. `tests/apps/topics.c` does the same.
#![forbid(unsafe_code)]

use std::error::Error;

use ringsocket_app::{App, ClientId, Close, Context, Message};

struct Topics;

/// More than are listed in one record.
const MANY: u64 = 100;

impl App for Topics {
    fn init(_: &mut Context<'_>) -> Result<Self, Box<dyn Error>> {
        Ok(Self)
    }

    /// Publishes before and after the client is subscribed to what its request names.
    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let Some(request) = cx.request() else { return };
        if let Some(topic) = request.query_value("quietly") {
            cx.subscribe(client, &*topic);
        }
        let Some(topic) = request.query_value("topic") else { return };
        cx.publish(&*topic, "before");
        cx.subscribe(client, "unused");
        cx.subscribe(client, &*topic);
        cx.unsubscribe(client, "unused");
        cx.publish("unused", "to nobody");
        cx.publish(&*topic, "after");
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        match message {
            // What a measurement compares.
            Message::Binary([b'p', ..]) => return cx.publish("measured", message),
            Message::Binary(_) => return cx.to(client).send(message),
            Message::Text(_) => {}
        }
        let text = message.as_text().unwrap_or_default();
        let words: Vec<&str> = text.splitn(3, ' ').collect();
        match words[..] {
            ["sub", topic] => {
                let result = cx.try_subscribe(client, topic);
                cx.to(client).text(result.err().map_or("ok".into(), |error| error.to_string()));
            }
            ["unsub", topic] => {
                cx.unsubscribe(client, topic);
                cx.to(client).text("ok");
            }
            ["pub", topic, line] => cx.publish(topic, line),
            ["others", topic, line] => cx.to_topic(topic).except(client).text(line),
            ["many", topic, line] => {
                let mut except: Vec<_> =
                    (1..MANY).filter_map(|n| ClientId::new(u64::MAX - n)).collect();
                except.push(client);
                cx.to_topic(topic).except_many(&except).text(line);
            }
            // In order with all else that is sent.
            ["mixed", topic, line] => {
                cx.to(client).text("1");
                cx.publish(topic, line);
                cx.to(client).text("2");
                cx.unsubscribe(client, topic);
                cx.publish(topic, "not to who has left");
                cx.subscribe(client, topic);
                cx.publish(topic, "back");
            }
            ["drop", topic, line] => {
                cx.close(client, 4000, "dropped");
                cx.publish(topic, line);
            }
            _ => cx.to(client).text("what?"),
        }
    }

    /// The client is subscribed to nothing any more, and can be no more.
    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        let result = cx.try_subscribe(client, "goodbyes");
        cx.publish("goodbyes", if result.is_err() { "gone" } else { "still there" });
    }
}

ringsocket_app::export!(Topics);
