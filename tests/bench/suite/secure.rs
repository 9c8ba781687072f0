//! What TLS costs: echoes and handshakes beside rustls alone, and the memory of idle connections.

use std::io;
use std::time::Duration;

use ringsocket_tests::certificates::Site;
use ringsocket_tests::frame::opcode;
use ringsocket_tests::process;
use ringsocket_tests::tls::{Offer, TLS12, TLS13};
use rustls::HandshakeKind;

use super::echo::{name, shapes};
use super::servers::{RUSTLS_RECORDS, Running};
use super::{ANY_THREAD, Bench, Contestant, FLOOR, Started, progress};
use crate::dial::{Dial, split};
use crate::figures::{Figure, Memory, Table};
use crate::load::echo::Echo;
use crate::load::handshake::Handshakes;
use crate::load::idle::{self, Past};
use crate::load::{Exchange, Shape};
use crate::url::{Sources, Url};

/// The name that the certificate is for.
const HOST: &str = "localhost";
/// Cells of the echo.
const CELLS: [(usize, usize, usize); 5] =
    [(20, 64, 1), (1024, 64, 1), (16_384, 64, 1), (16_384, 64, 16), (131_072, 64, 1)];
/// Handshakes at a time.
const AT_A_TIME: usize = 16;
/// More connections than these show no other figure.
const MOST: usize = 5000;
/// Until what is given back at all has been given back.
const REST: Duration = Duration::from_secs(1);

/// What the goals are about.
pub(crate) const IDLE: &str = "an idle TLS connection";
/// Likewise.
pub(crate) const IDLE_AFTER: &str = "the same after a message of 128 KiB";

pub(super) fn echoes(bench: &Bench) -> io::Result<Table> {
    let site = Site::new(&[HOST]);
    let cells = shapes(bench, &CELLS).into_iter().map(|shape| {
        let daemon = |config: &'static str| {
            let site = &site;
            move || web_socket(bench.secure_echo(site, config), site, shape)
        };
        let contestants = [
            Contestant::new(FLOOR, || floor(bench, &site, shape)),
            Contestant::new(ANY_THREAD, daemon("")),
            Contestant::new(RUSTLS_RECORDS, daemon(r#""record_layer": "rustls","#)),
        ];
        bench.cell(&name(shape), shape, &contestants)
    });
    Ok(Table {
        id: "tls",
        title: "Echo over TLS",
        what: "CPU time of the server per message, in us",
        figure: Figure::Cpu,
        cells: cells.collect::<io::Result<_>>()?,
    })
}

/// Full handshakes and resumed ones, in both versions.
pub(super) fn handshakes(bench: &Bench) -> io::Result<Table> {
    let site = Site::new(&[HOST]);
    let mut cells = Vec::new();
    for (version, in_words) in [(&TLS13, "TLS 1.3"), (&TLS12, "TLS 1.2")] {
        for (kind, how) in [(HandshakeKind::Full, "full"), (HandshakeKind::Resumed, "resumed")] {
            let offer = Offer::new(&site.authority).version(version);
            let offer =
                if kind == HandshakeKind::Full { offer.without_resumption() } else { offer };
            let load = |server: Running| -> io::Result<Started> {
                let connectors = (0..AT_A_TIME).map(|_| offer.to(HOST)).collect();
                let sources = Sources::new(server.url("/").address);
                Ok((server, Box::new(Handshakes::new(connectors, kind, sources)?)))
            };
            let shape = Shape { size: 0, connections: AT_A_TIME, in_flight: 1 };
            let contestants = [
                Contestant::new(FLOOR, || load(bench.secure_floor(&site, 1)?)),
                Contestant::new(ANY_THREAD, || load(bench.secure_echo(&site, ""))),
            ];
            cells.push(bench.cell(&format!("{in_words}, {how}"), shape, &contestants)?);
        }
    }
    Ok(Table {
        id: "tls-handshake",
        title: "TLS handshake",
        what: "CPU time of the server per connection, in us",
        figure: Figure::Cpu,
        cells,
    })
}

fn floor(bench: &Bench, site: &Site, shape: Shape) -> io::Result<Started> {
    let exchange = Exchange::bare(shape.size);
    let server = bench.secure_floor(site, exchange.frame.len())?;
    let dial = dial(&server, site);
    let connect = || dial.link().map(split);
    let streams = (0..shape.connections).map(|_| connect()).collect::<io::Result<_>>()?;
    Ok((server, Box::new(Echo::over(streams, shape.in_flight, exchange)?)))
}

fn web_socket(server: Running, site: &Site, shape: Shape) -> io::Result<Started> {
    let dial = dial(&server, site);
    let connect = || dial.upgraded();
    let streams = (0..shape.connections).map(|_| connect()).collect::<io::Result<_>>()?;
    let exchange = Exchange::web_socket(opcode::BINARY, shape.size);
    Ok((server, Box::new(Echo::over(streams, shape.in_flight, exchange)?)))
}

fn dial(server: &Running, site: &Site) -> Dial {
    let url = Url { host: HOST.to_owned(), ..server.url("/echo") };
    Dial::secure(url, Offer::new(&site.authority).to(HOST))
}

/// Resident memory of the daemon for each idle connection, before and after large messages: by how
/// much it grows from half of the connections to all of them, as what there is once is there by then.
pub(super) fn memory(bench: &Bench) -> io::Result<Vec<Memory>> {
    let site = Site::new(&[HOST]);
    let half = bench.crowd.min(MOST).div_ceil(2);
    let mut memory = Vec::new();
    for (what, size) in [(IDLE, 1024), (IDLE_AFTER, 0x20000)] {
        progress(&format!("memory: {what}"));
        let server = bench.secure_echo(&site, r#""ping_wait": 0,"#);
        let dial = dial(&server, &site);
        let past = Past { messages: 3, size, compressed: false };
        let mut held = Vec::new();
        let mut with_half_more = || {
            for _ in 0..half {
                held.push(idle::open(&dial, past)?);
            }
            std::thread::sleep(REST);
            process::resident(server.pid())
        };
        let (before, after) = (with_half_more()?, with_half_more()?);
        memory.push(Memory { what, bytes: after.saturating_sub(before) as f64 / half as f64 });
        drop(held);
        server.stop()?;
    }
    progress("");
    Ok(memory)
}
