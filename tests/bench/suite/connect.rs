//! Connections that come and go: CPU time of each, beside a floor that accepts, receives and sends as
//! many bytes, and closes.

use std::io;

use super::servers::VARIANTS;
use super::{ANY_THREAD, Bench, Contestant, FLOOR};
use crate::figures::{Figure, Table};
use crate::load::Shape;
use crate::load::connect::{Connect, Conversation, End};

/// At a time.
const CONNECTIONS: usize = 64;

pub(super) fn run(bench: &Bench) -> io::Result<Table> {
    let server = bench.echo(VARIANTS[0]);
    let conversation = Conversation::learn(&server.url("/echo"))?;
    server.stop()?;
    let ends = [("101, then the client hangs up", End::HangUp), ("101, Close frames", End::Close)];
    let cells = ends.map(|(name, end)| {
        let shape = Shape { size: 0, connections: CONNECTIONS, in_flight: 1 };
        let (switching, closed) =
            (conversation.switching.to_string(), conversation.closed.to_string());
        bench.cell(
            name,
            shape,
            &[
                Contestant::new(FLOOR, || {
                    let server = bench.floor(&[
                        "connect",
                        "--switching",
                        &switching,
                        "--closed",
                        &closed,
                    ])?;
                    let url = server.url("/");
                    let load = Connect::new(&url, conversation.clone(), end, CONNECTIONS)?;
                    Ok((server, Box::new(load)))
                }),
                Contestant::new(ANY_THREAD, || {
                    let server = bench.echo(VARIANTS[0]);
                    // As long a request as the floor's: the port in it has as many digits.
                    let url = server.url("/echo");
                    let conversation = Conversation::learn(&url)?;
                    let load = Connect::new(&url, conversation, end, CONNECTIONS)?;
                    Ok((server, Box::new(load)))
                }),
            ],
        )
    });
    Ok(Table {
        id: "connect",
        title: "Handshake and end",
        what: "CPU time of the server per connection, in us",
        figure: Figure::Cpu,
        cells: cells.into_iter().collect::<io::Result<_>>()?,
    })
}
