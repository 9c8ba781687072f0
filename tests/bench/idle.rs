//! What an idle connection costs the daemon in resident memory, by what was agreed on about
//! compression. Each kind has a daemon of its own; each connection has exchanged messages before
//! it falls silent.

use std::io::{self, Read};
use std::time::Duration;

use clap::Args;
use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::deflate::Deflate;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::{process, sys};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Plan {
    /// Connections of each kind
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Messages that each connection exchanges first
    #[arg(long, default_value_t = 3)]
    messages: usize,
    /// Their size in bytes
    #[arg(long, default_value_t = 1024)]
    size: usize,
}

const KINDS: [(&str, &str, Option<&str>); 3] = [
    ("plain", "none", None),
    ("permessage-deflate", "none", Some("permessage-deflate")),
    ("the same with both contexts taken over", "both", Some("permessage-deflate")),
];

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    sys::raise_descriptor_limit()?;
    println!(
        "resident memory of the daemon per idle connection, of {} that have exchanged {} messages \
         of {} bytes",
        plan.connections, plan.messages, plan.size
    );
    for (title, takeover, offer) in KINDS {
        let bytes = measure(plan, takeover, offer)?;
        println!("{bytes:9.0} bytes  {title}");
    }
    Ok(())
}

fn measure(plan: &Plan, takeover: &str, offer: Option<&str>) -> io::Result<f64> {
    let config = format!(
        r#"{{ "fd_alloc_c": {0}, "deflate_takeover_c": {0}, "deflate_takeover": "{takeover}",
              "max_conn_c_per_addr": 0, "max_handshake_rate_per_addr": 0, "ping_wait": 0 }}"#,
        plan.connections + 8
    );
    let daemon = Builder::new().app("echo").config(&config).start();
    // So that what there is once, above all the pages of the rings, is there before.
    drop(talk(&Plan { messages: 4096, ..*plan }, &daemon, offer)?);
    let before = process::resident(daemon.pid())?;
    let clients = (0..plan.connections)
        .map(|_| talk(plan, &daemon, offer))
        .collect::<io::Result<Vec<_>>>()?;
    // What it gives back at all, it has given back once it has come to rest.
    std::thread::sleep(Duration::from_secs(1));
    let grown = process::resident(daemon.pid())?.saturating_sub(before);
    let each = grown as f64 / clients.len() as f64;
    drop(clients);
    daemon.stop_well();
    Ok(each)
}

/// Opens a connection and exchanges the messages, of which only the bytes are looked at: a zlib
/// stream for each connection would be too much for this side.
fn talk(
    plan: &Plan,
    daemon: &ringsocket_tests::daemon::Daemon,
    offer: Option<&str>,
) -> io::Result<Client> {
    let address = daemon.address();
    let mut request = Request::upgrade(&address.to_string(), "/echo");
    if let Some(offer) = offer {
        request = request.header("Sec-WebSocket-Extensions", offer);
    }
    let mut client = Client::tcp(address)?;
    client.send_raw(&request.to_bytes())?;
    let response = client.response(true)?;
    let agreed = response.value("Sec-WebSocket-Extensions");
    if response.status != 101 || agreed.is_some() != offer.is_some() {
        return Err(io::Error::other(format!("answered {}", response.status)));
    }
    let text = "{\"id\":17,\"name\":\"somebody\"},".repeat(plan.size / 28 + 1);
    let text = &text.as_bytes()[..plan.size];
    let frame = match agreed {
        None => Frame::new(opcode::TEXT, text).to_bytes(),
        Some(agreed) => {
            let payload = Deflate::new(agreed).map_err(io::Error::other)?.compress(text);
            Frame { rsv: 4, ..Frame::new(opcode::TEXT, &payload) }.to_bytes()
        }
    };
    for _ in 0..plan.messages {
        client.send_raw(&frame)?;
        skip_frame(&client)?;
    }
    Ok(client)
}

/// Reads one frame of the server, whatever it says.
fn skip_frame(client: &Client) -> io::Result<()> {
    let mut stream = client.stream();
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let mut len = usize::from(head[1]);
    if len == 126 {
        stream.read_exact(&mut head)?;
        len = usize::from(u16::from_be_bytes(head));
    }
    stream.read_exact(&mut vec![0; len])
}
