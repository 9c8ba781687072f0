//! An echo server made with `sockudo-ws`, whose stream flushes what it was fed before it waits for
//! more.

use futures_util::{SinkExt, StreamExt};
use ringsocket_bench_peers::asynchronous::{serve, upgrade};
use ringsocket_bench_peers::{BATCH, LARGEST};
use sockudo_ws::{Config, Message, WebSocketStream};
use tokio::net::TcpStream;

fn main() -> std::io::Result<()> {
    serve(connection)
}

async fn connection(mut stream: TcpStream) -> sockudo_ws::Result<()> {
    upgrade(&mut stream).await?;
    let config = Config {
        max_message_size: LARGEST,
        max_frame_size: LARGEST,
        write_buffer_size: BATCH,
        // No timers: nothing here is ever silent for long.
        auto_ping: false,
        idle_timeout: 0,
        ..Config::default()
    };
    let mut socket = WebSocketStream::server(stream, config);
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.feed(message).await?,
            Message::Close(_) => break,
            _ => {}
        }
    }
    Ok(())
}
