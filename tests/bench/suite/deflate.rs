//! Compressed echoes of 1 KiB of JSON text: CPU time per message, beside the floor of the same bytes
//! on the wire and what the compression library needs for the same messages.

use std::io::{self, Write};
use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::process;

use super::echo::{bare, connections};
use super::servers::{Running, VARIANTS};
use super::{ANY_THREAD, Bench, Contestant, FLOOR};
use crate::figures::{Cell, Figure, Runs, Sample, Table};
use crate::load::echo::Echo;
use crate::load::{Exchange, Shape, idle};

const SIZE: usize = 1024;
const CONNECTIONS: usize = 64;
/// The daemon's default (`deflate_level`).
const LEVEL: u32 = 3;
const EXTENSION: (&str, &str) = ("Sec-WebSocket-Extensions", "permessage-deflate");
/// What RFC 7692 section 7.2.1 takes off a compressed message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The name of what the library alone needs.
const LIBRARY: &str = "zlib-rs";
/// The name of the sum.
const FLOOR_AND_LIBRARY: &str = "floor + zlib-rs";

pub(super) fn run(bench: &Bench) -> io::Result<Table> {
    let server = bench.echo(VARIANTS[0]);
    let exchange = learn(&server)?;
    server.stop()?;
    let cells = [1, 16].map(|in_flight| cell(bench, &exchange, in_flight));
    Ok(Table {
        id: "deflate",
        title: "Compressed echo",
        what: "CPU time of the server per message, in us",
        figure: Figure::Cpu,
        cells: cells.into_iter().collect::<io::Result<_>>()?,
    })
}

/// The exchange of a message compressed as the server does it, so that its echo has the same bytes.
fn learn(server: &Running) -> io::Result<Exchange> {
    let url = server.url("/echo");
    let request = url.request().header(EXTENSION.0, EXTENSION.1);
    let mut stream = url.open(&request)?;
    let mut deflate = Compress::new(Compression::new(LEVEL), false);
    let mut inflate = Decompress::new(false);
    let payload = compress(&mut deflate, &idle::json(SIZE))?;
    let mut exchange = |payload: &[u8]| {
        let frame = Frame { rsv: 4, ..Frame::new(opcode::TEXT, payload) }.to_bytes();
        stream.write_all(&frame)?;
        let answer = idle::read_frame(&mut stream)?;
        Ok::<_, io::Error>((frame, answer))
    };
    let (_, answer) = exchange(&payload)?;
    let header = if answer[1] < 126 { 2 } else { 4 };
    if inflated(&mut inflate, &answer[header..])? != idle::json(SIZE) {
        return Err(io::Error::other("the echo is not what was sent"));
    }
    let (frame, again) = exchange(&answer[header..])?;
    if again != answer {
        return Err(io::Error::other("the same message is not compressed alike twice"));
    }
    Ok(Exchange { frame, answer: answer.len(), first_byte: Some(answer[0]) })
}

fn cell(bench: &Bench, exchange: &Exchange, in_flight: usize) -> io::Result<Cell> {
    let shape = Shape { size: SIZE, connections: CONNECTIONS, in_flight };
    let contestants = [
        Contestant::new(FLOOR, || {
            let incoming = exchange.frame.len().to_string();
            let server = bench.floor(&["echo", "--incoming", &incoming])?;
            bare(server, shape, Exchange { first_byte: None, ..exchange.clone() })
        }),
        Contestant::new(ANY_THREAD, || {
            let server = bench.echo(VARIANTS[0]);
            let url = server.url("/echo");
            let request = url.request().header(EXTENSION.0, EXTENSION.1);
            let streams = connections(shape, || url.open(&request))?;
            Ok((server, Box::new(Echo::new(streams, in_flight, exchange.clone())?)))
        }),
    ];
    let name = format!("{SIZE} B of JSON x {CONNECTIONS} x {in_flight}");
    let mut cell = bench.cell(&name, shape, &contestants)?;
    let floor = cell.runs[0].samples.clone();
    let library = floor.iter().map(|_| library()).collect::<io::Result<Vec<_>>>()?;
    let sum = |(floor, library): (&Sample, &f64)| Sample {
        cpu: floor.cpu + library,
        generator: 0.0,
        ..*floor
    };
    let alone = |&cpu: &f64| Sample { cpu, generator: 0.0, rate: 1e6 / cpu, p50: cpu, p99: cpu };
    let both = floor.iter().zip(&library).map(sum).collect();
    cell.runs.insert(0, Runs { server: FLOOR_AND_LIBRARY.to_owned(), samples: both });
    let alone = library.iter().map(alone).collect();
    cell.runs.insert(2, Runs { server: LIBRARY.to_owned(), samples: alone });
    Ok(cell)
}

/// CPU time in microseconds that the library needs to inflate and to deflate the message, with
/// streams that are made once and begin anew with each message, as the daemon's do.
fn library() -> io::Result<f64> {
    const BATCH: u32 = 1000;
    const LEAST: Duration = Duration::from_millis(100);
    let text = idle::json(SIZE);
    let mut deflate = Compress::new(Compression::new(LEVEL), false);
    let mut inflate = Decompress::new(false);
    let payload = compress(&mut deflate, &text)?;
    let own = std::process::id();
    let before = process::cpu_time(own)?;
    let mut count = 0;
    loop {
        for _ in 0..BATCH {
            let message = inflated(&mut inflate, &payload)?;
            let again = compress(&mut deflate, &message)?;
            if again.len() != payload.len() {
                return Err(io::Error::other("the library does not repeat itself"));
            }
        }
        count += BATCH;
        let took = process::cpu_time(own)? - before;
        if took >= LEAST {
            return Ok(took.as_secs_f64() * 1e6 / f64::from(count));
        }
    }
}

fn compress(deflate: &mut Compress, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len() + 64);
    deflate.reset();
    deflate.compress_vec(message, &mut out, FlushCompress::Sync)?;
    out.truncate(out.len().saturating_sub(TAIL.len()));
    Ok(out)
}

fn inflated(inflate: &mut Decompress, payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(SIZE + 64);
    inflate.reset(false);
    inflate.decompress_vec(payload, &mut out, FlushDecompress::None)?;
    inflate.decompress_vec(&TAIL, &mut out, FlushDecompress::Sync)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_gives_back_what_it_took() {
        let text = idle::json(SIZE);
        let mut deflate = Compress::new(Compression::new(LEVEL), false);
        let payload = compress(&mut deflate, &text).unwrap();
        assert!(payload.len() < SIZE / 2 && !payload.ends_with(&TAIL));
        let mut inflate = Decompress::new(false);
        for _ in 0..2 {
            assert_eq!(inflated(&mut inflate, &payload).unwrap(), text);
        }
        assert!(library().unwrap() > 0.5);
    }
}
