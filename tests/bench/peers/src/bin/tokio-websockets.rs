//! An echo server made with `tokio-websockets`: what is there already is answered in one flush.

use futures_util::{FutureExt, SinkExt, StreamExt};
use ringsocket_bench_peers::asynchronous::serve;
use ringsocket_bench_peers::{BATCH, LARGEST};
use tokio::net::TcpStream;
use tokio_websockets::{Config, Error, Limits, ServerBuilder};

fn main() -> std::io::Result<()> {
    serve(connection)
}

async fn connection(stream: TcpStream) -> Result<(), Error> {
    let (_, mut socket) = ServerBuilder::new()
        .limits(Limits::default().max_payload_len(Some(LARGEST)))
        // Frames as large as messages, as all others send them.
        .config(Config::default().frame_size(LARGEST).flush_threshold(BATCH))
        .accept(stream)
        .await?;
    let mut messages = Vec::new();
    while let Some(first) = socket.next().await {
        // All that is there is taken before any of it is answered, since asking for the next message
        // flushes what was fed.
        messages.push(first?);
        while let Some(Some(next)) = socket.next().now_or_never() {
            messages.push(next?);
        }
        for message in messages.drain(..) {
            if message.is_text() || message.is_binary() {
                socket.feed(message).await?;
            }
        }
        socket.flush().await?;
    }
    Ok(())
}
