//! A test app that writes down its callbacks and reads them out to whoever sends `report`. Clients
//! are named by their query, so that a test can tell them apart: `/witness?anna`. Who sends
//! `address` is told its own.
#![forbid(unsafe_code)]

use ringsocket_app::{App, ClientId, Close, Context, InitResult, Message};
use std::collections::HashMap;

#[derive(Default)]
struct Witness {
    names: HashMap<ClientId, String>,
    lines: Vec<String>,
}

impl Witness {
    fn name(&self, client: ClientId) -> &str {
        self.names.get(&client).map_or("STRANGER", String::as_str)
    }
}

impl App for Witness {
    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self::default())
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let name = cx.request().map(|request| request.query().to_owned()).unwrap_or_default();
        self.lines.push(format!("open {name}"));
        if self.names.insert(client, name).is_some() {
            self.lines.push("AGAIN".to_owned());
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        match message {
            Message::Text("report") => cx.to(client).text(self.lines.join("\n")),
            Message::Text("address") => {
                let address = cx.address(client);
                let text = address.map_or_else(|| "none".to_owned(), |known| known.to_string());
                cx.to(client).text(&text);
            }
            Message::Text(text) => self.lines.push(format!("read {} {text}", self.name(client))),
            Message::Binary(bytes) => {
                self.lines.push(format!("read {} {} bytes", self.name(client), bytes.len()));
            }
        }
    }

    fn close(&mut self, _cx: &mut Context<'_>, client: ClientId, close: Close<'_>) {
        let line = format!("close {} {} {}", self.name(client), close.code, close.reason);
        self.lines.push(line);
        self.names.remove(&client);
    }
}

ringsocket_app::export!(Witness);
