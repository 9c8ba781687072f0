//! Echoes: CPU time per message and latency, of all servers.

use std::io;
use std::net::TcpStream;

use super::servers::{FLOOR, Running, VARIANTS};
use super::{Bench, Contestant, Started};
use crate::figures::{Figure, Table};
use crate::load::echo::Echo;
use crate::load::{Exchange, Shape};
use ringsocket_tests::frame::opcode;

/// The cells of `--full`: sizes, connections, messages in flight.
const FULL: [&[usize]; 3] = [&[20, 1024, 16_384, 131_072], &[1, 64, 512], &[1, 16]];

/// Those that are measured otherwise: of each kind one.
const DEFAULT: [(usize, usize, usize); 6] =
    [(20, 1, 1), (20, 64, 1), (20, 64, 16), (1024, 512, 16), (16_384, 64, 16), (131_072, 64, 1)];

pub(super) fn run(bench: &Bench, peers: &[String]) -> io::Result<Table> {
    let cells = shapes(bench, &DEFAULT)
        .into_iter()
        .map(|shape| bench.cell(&name(shape), shape, &contestants(bench, shape, peers)))
        .collect::<io::Result<_>>()?;
    Ok(Table {
        id: "echo",
        title: "Echo",
        what: "CPU time of the server per message, in us",
        figure: Figure::Cpu,
        cells,
    })
}

/// What is measured: of the default cells all, unless others are asked for.
pub(super) fn shapes(bench: &Bench, default: &[(usize, usize, usize)]) -> Vec<Shape> {
    let plan = &bench.plan;
    if !plan.full && plan.sizes.is_empty() {
        let shape = |&(size, connections, in_flight)| Shape { size, connections, in_flight };
        return default.iter().map(shape).collect();
    }
    let [sizes, connections, in_flight] =
        if plan.full { FULL } else { [&plan.sizes[..], &plan.connections, &plan.in_flight] };
    let mut shapes = Vec::new();
    for &size in sizes {
        for &connections in connections {
            for &in_flight in in_flight {
                shapes.push(Shape { size, connections, in_flight });
            }
        }
    }
    shapes
}

/// What a cell is called.
pub(super) fn name(shape: Shape) -> String {
    let size = match shape.size {
        kib if kib % 1024 == 0 && kib > 0 => format!("{} KiB", kib / 1024),
        bytes => format!("{bytes} B"),
    };
    format!("{size} x {} x {}", shape.connections, shape.in_flight)
}

fn contestants<'a>(bench: &'a Bench, shape: Shape, peers: &'a [String]) -> Vec<Contestant<'a>> {
    let mut all = vec![Contestant::new(FLOOR, move || {
        let exchange = Exchange::bare(shape.size);
        let incoming = exchange.frame.len().to_string();
        let server = bench.floor(&["echo", "--incoming", &incoming])?;
        bare(server, shape, exchange)
    })];
    for variant in VARIANTS {
        all.push(Contestant::new(variant.name, move || {
            web_socket(bench.echo(variant), "/echo", shape)
        }));
    }
    for peer in peers {
        all.push(Contestant::new(peer, move || web_socket(bench.peer(peer)?, "/", shape)));
    }
    all
}

/// The load on a floor.
pub(super) fn bare(server: Running, shape: Shape, exchange: Exchange) -> io::Result<Started> {
    let address = server.url("/").address;
    let streams = connections(shape, || TcpStream::connect(address))?;
    let load = Echo::new(streams, shape.in_flight, exchange)?;
    Ok((server, Box::new(load)))
}

/// The load on a WebSocket server.
pub(super) fn web_socket(server: Running, target: &str, shape: Shape) -> io::Result<Started> {
    let url = server.url(target);
    let streams = connections(shape, || url.connect())?;
    let exchange = Exchange::web_socket(opcode::BINARY, shape.size);
    let load = Echo::new(streams, shape.in_flight, exchange)?;
    Ok((server, Box::new(load)))
}

/// As many connections as a load asks for.
pub(super) fn connections(
    shape: Shape,
    connect: impl Fn() -> io::Result<TcpStream>,
) -> io::Result<Vec<TcpStream>> {
    (0..shape.connections).map(|_| connect()).collect()
}
