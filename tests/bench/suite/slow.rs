//! Echoes beside another app of the same worker that takes 10 ms for each message: latency, beside
//! that without it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::frame::opcode;

use super::echo::connections;
use super::{Bench, Contestant, Started};
use crate::figures::{Figure, Table};
use crate::latency::Latency;
use crate::load::echo::Echo;
use crate::load::{Count, Exchange, Load, Shape};
use crate::url::Url;

const SIZE: usize = 20;
const CONNECTIONS: usize = 64;
/// Clients of the slow app, each with one message under way.
const CLIENTS: usize = 4;
/// Sleeps for so many milliseconds, and answers `slept` (tests/apps/faulty).
const COMMAND: &str = "slow 10";

/// The name of the contestant that goals are about.
pub(crate) const BESIDE: &str = "beside a slow app";

/// A load beside clients that keep the slow app busy.
struct Beside {
    load: Echo,
    stop: Arc<AtomicBool>,
    clients: Option<JoinHandle<io::Result<()>>>,
}

impl Beside {
    fn new(load: Echo, slow: &Url) -> io::Result<Self> {
        let mut clients = (0..CLIENTS)
            .map(|_| Client::connect(slow.address, &slow.target))
            .collect::<io::Result<Vec<_>>>()?;
        let stop = Arc::new(AtomicBool::new(false));
        let clients = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                clients.iter_mut().try_for_each(|client| client.text(COMMAND))?;
                while !stop.load(Ordering::Relaxed) {
                    for client in &mut clients {
                        client.receive()?;
                        client.text(COMMAND)?;
                    }
                }
                clients.iter_mut().try_for_each(|client| client.receive().map(|_| ()))
            }
        });
        Ok(Self { load, stop, clients: Some(clients) })
    }
}

impl Load for Beside {
    fn run(&mut self, time: Duration) -> io::Result<Count> {
        let count = self.load.run(time)?;
        // They end before they are told to only if something went wrong.
        match self.clients.take_if(|clients| clients.is_finished()) {
            None => Ok(count),
            Some(clients) => {
                clients.join().expect("it does not panic")?;
                Err(io::Error::other("the clients of the slow app are gone"))
            }
        }
    }

    fn latency(&self) -> &Latency {
        self.load.latency()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(clients) = self.clients.take() {
            // What went wrong with them was of no consequence for the load, whose run is over.
            let _ = clients.join();
        }
    }
}

pub(super) fn run(bench: &Bench) -> io::Result<Table> {
    let cells = [1, 16].map(|in_flight| {
        let shape = Shape { size: SIZE, connections: CONNECTIONS, in_flight };
        bench.cell(
            &format!("{SIZE} B x {CONNECTIONS} x {in_flight}"),
            shape,
            &[
                Contestant::new("alone", || start(bench, shape, false)),
                Contestant::new(BESIDE, || start(bench, shape, true)),
            ],
        )
    });
    Ok(Table {
        id: "slow",
        title: "Beside a slow app",
        what: "p99 of the latency of an echo, in us",
        figure: Figure::P99,
        cells: cells.into_iter().collect::<io::Result<_>>()?,
    })
}

fn start(bench: &Bench, shape: Shape, beside: bool) -> io::Result<Started> {
    let server = bench.daemon(Builder::new().app("echo").app("faulty"), "");
    let url = server.url("/echo");
    let streams = connections(shape, || url.connect())?;
    let exchange = Exchange::web_socket(opcode::BINARY, shape.size);
    let load = Echo::new(streams, shape.in_flight, exchange)?;
    let load: Box<dyn Load> =
        if beside { Box::new(Beside::new(load, &server.url("/faulty"))?) } else { Box::new(load) };
    Ok((server, load))
}
