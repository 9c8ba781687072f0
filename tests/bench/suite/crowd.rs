//! Few active connections among many silent ones: CPU time per message, beside that of the few alone.

use std::io;
use std::net::TcpStream;

use ringsocket_tests::frame::opcode;

use super::echo::{connections, web_socket};
use super::servers::VARIANTS;
use super::{Bench, Contestant};
use crate::figures::{Figure, Table};
use crate::latency::Latency;
use crate::load::echo::Echo;
use crate::load::{Count, Exchange, Load, Shape};

const ACTIVE: usize = 64;
const SIZE: usize = 20;

/// The name of the contestant that goals are about.
pub(crate) const AMONG_MANY: &str = "among many";

/// A load beside connections that do nothing.
struct Crowd {
    active: Echo,
    _silent: Vec<TcpStream>,
}

impl Load for Crowd {
    fn run(&mut self, time: std::time::Duration) -> io::Result<Count> {
        self.active.run(time)
    }

    fn latency(&self) -> &Latency {
        self.active.latency()
    }
}

pub(super) fn run(bench: &Bench) -> io::Result<Table> {
    let cells = [1, 16].map(|in_flight| {
        let shape = Shape { size: SIZE, connections: ACTIVE, in_flight };
        let silent = Shape { connections: bench.crowd.saturating_sub(ACTIVE), ..shape };
        bench.cell(
            &format!("{ACTIVE} of {} x {in_flight}", bench.crowd),
            shape,
            &[
                Contestant::new("alone", || web_socket(bench.echo(VARIANTS[0]), "/echo", shape)),
                Contestant::new(AMONG_MANY, || {
                    let server = bench.echo(VARIANTS[0]);
                    let url = server.url("/echo");
                    let before = connections(silent, || url.connect())?;
                    let streams = connections(shape, || url.connect())?;
                    let exchange = Exchange::web_socket(opcode::BINARY, SIZE);
                    let active = Echo::new(streams, in_flight, exchange)?;
                    Ok((server, Box::new(Crowd { active, _silent: before })))
                }),
            ],
        )
    });
    Ok(Table {
        id: "crowd",
        title: "Few active among many",
        what: "CPU time of the server per message, in us",
        figure: Figure::Cpu,
        cells: cells.into_iter().collect::<io::Result<_>>()?,
    })
}
