//! A test app that keeps what it knows of its clients over a restart: of each how many messages it has
//! sent. keeper.c and cpp-keeper.cpp do the same. Commands are text messages; anything else comes back
//! as it is, and is counted as well.
//!
//! | command | what happens |
//! | --- | --- |
//! | `next` | answers with the number of messages from this client, this one included |
//! | `how` | answers how the client came to this instance: `opened`, `resumed` (opened again) or `restored` |
//! | `join TOPIC` | subscribes the sender |
//! | `tell TOPIC TEXT` | sends the text to the subscribers of the topic |
//! | `bye` | with the next save, sends `bye` to everybody |
//! | `save nothing` | the next save keeps nothing |
//! | `save panic` | it panics |
//! | `restore nothing` | the next instance does not take up what this one saves |
//! | `restore panic` | it panics |
//!
//! The state is text: a line of the version and of what the next instance is to do, then one for each
//! client, with its number and its count.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use ringsocket_app::{App, ClientId, Close, Context, InitResult, Message, RestoreResult};

const VERSION: &str = "keeper 1";

#[derive(Default)]
struct Keeper {
    clients: HashMap<ClientId, Kept>,
    says_bye: bool,
    /// What the next save is to do, if it is not to save.
    saving: String,
    /// The same of the next restore.
    restoring: String,
}

struct Kept {
    message_c: u64,
    how: &'static str,
}

impl App for Keeper {
    fn init(_: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self::default())
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let is_resumed = cx.request().is_some_and(|request| request.is_resumed());
        let how = if is_resumed { "resumed" } else { "opened" };
        let before = self.clients.insert(client, Kept { message_c: 0, how });
        assert!(before.is_none(), "client {client} is opened twice");
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        let kept = self.clients.get_mut(&client).expect("a client is opened or restored first");
        kept.message_c += 1;
        let Message::Text(text) = message else { return cx.to(client).send(message) };
        match text.split_once(' ') {
            Some(("join", topic)) => cx.subscribe(client, topic),
            Some(("tell", what)) => {
                let (topic, text) = what.split_once(' ').unwrap_or((what, ""));
                cx.to_topic(topic).text(text);
            }
            Some(("save", how)) => how.clone_into(&mut self.saving),
            Some(("restore", how)) => how.clone_into(&mut self.restoring),
            _ if text == "next" => cx.to(client).text(kept.message_c.to_string()),
            _ if text == "how" => cx.to(client).text(kept.how),
            _ if text == "bye" => self.says_bye = true,
            _ => cx.to(client).text(text),
        }
    }

    fn close(&mut self, _: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        self.clients.remove(&client).expect("a client is opened or restored first");
    }

    fn save(&mut self, cx: &mut Context<'_>) -> Option<Vec<u8>> {
        if self.says_bye {
            cx.to_all().text("bye");
        }
        assert_ne!(self.saving, "panic", "as wished");
        if self.saving == "nothing" {
            return None;
        }
        let mut state = format!("{VERSION} {}\n", self.restoring);
        for (client, kept) in &self.clients {
            let _ = writeln!(state, "{client} {}", kept.message_c); // a string takes it all
        }
        Some(state.into_bytes())
    }

    fn restore(
        &mut self,
        _: &mut Context<'_>,
        state: &[u8],
        clients: &[ClientId],
    ) -> RestoreResult {
        let (first, lines) = std::str::from_utf8(state)?.split_once('\n').ok_or("no line")?;
        match first.strip_prefix(VERSION).ok_or("another version")?.trim() {
            "nothing" => return Err("as wished".into()),
            wish => assert_ne!(wish, "panic", "as wished"),
        }
        let present: HashSet<_> = clients.iter().collect();
        for line in lines.lines() {
            let (client, message_c) = line.split_once(' ').ok_or("no count")?;
            let client = ClientId::new(client.parse()?).ok_or("no client")?;
            if present.contains(&client) {
                let kept = Kept { message_c: message_c.parse()?, how: "restored" };
                self.clients.insert(client, kept);
            }
        }
        assert_eq!(self.clients.len(), clients.len(), "all that live on were known");
        Ok(())
    }
}

ringsocket_app::export!(Keeper);

#[cfg(test)]
mod tests;
