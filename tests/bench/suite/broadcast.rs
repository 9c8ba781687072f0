//! Broadcasts to 1,000 connections: CPU time per delivery, beside a floor that sends one prepared
//! buffer to each.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringsocket_tests::daemon::Builder;
use ringsocket_tests::frame::opcode;
use ringsocket_tests::process;

use super::echo::connections;
use super::servers::Running;
use super::{ANY_THREAD, Bench, Contestant, FLOOR};
use crate::figures::{Figure, Table};
use crate::load::broadcast::Broadcast;
use crate::load::{Exchange, Shape};

const RECEIVERS: usize = 1000;

/// Sizes in bytes and messages in flight.
const CELLS: [(usize, usize); 3] = [(64, 1), (64, 16), (1024, 16)];

pub(super) fn run(bench: &Bench) -> io::Result<Table> {
    let receivers = RECEIVERS.min(bench.crowd);
    let cells = CELLS.map(|(size, in_flight)| {
        let shape = Shape { size, connections: receivers, in_flight };
        bench.cell(
            &format!("{size} B x {in_flight} to {receivers}"),
            shape,
            &[
                Contestant::new(FLOOR, || {
                    let exchange = Exchange::bare(size);
                    let incoming = exchange.frame.len().to_string();
                    let outgoing = exchange.answer.to_string();
                    let server = bench.floor(&[
                        "broadcast",
                        "--incoming",
                        &incoming,
                        "--outgoing",
                        &outgoing,
                    ])?;
                    let address = server.url("/").address;
                    let streams = connections(shape, || TcpStream::connect(address))?;
                    wait_for(receivers, &server)?;
                    Ok((server, Box::new(Broadcast::new(streams, in_flight, exchange)?)))
                }),
                Contestant::new(ANY_THREAD, || {
                    let server = bench.daemon(Builder::new().app("broadcast"), "");
                    let url = server.url("/broadcast");
                    let streams = connections(shape, || url.connect())?;
                    let exchange = Exchange::web_socket(opcode::BINARY, size);
                    Ok((server, Box::new(Broadcast::new(streams, in_flight, exchange)?)))
                }),
            ],
        )
    });
    Ok(Table {
        id: "broadcast",
        title: "Broadcast",
        what: "CPU time of the server per delivery, in us",
        figure: Figure::Cpu,
        cells: cells.into_iter().collect::<io::Result<_>>()?,
    })
}

/// Waits until a floor has accepted all connections. A connect returns before that, and there is no
/// handshake to tell.
fn wait_for(connections: usize, floor: &Running) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    // Standard streams, epoll and the listening socket.
    let others = 5;
    while process::descriptors(floor.pid())? < connections + others {
        if Instant::now() > deadline {
            return Err(io::Error::other("the floor does not accept all connections"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
