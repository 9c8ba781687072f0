//! An echo server made with `fastwebsockets`, which writes each frame by itself: `Batched` gathers
//! them.

use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use ringsocket_bench_peers::LARGEST;
use ringsocket_bench_peers::asynchronous::{Batched, serve, upgrade};
use tokio::net::TcpStream;

fn main() -> std::io::Result<()> {
    serve(connection)
}

async fn connection(mut stream: TcpStream) -> Result<(), WebSocketError> {
    upgrade(&mut stream).await?;
    let mut socket = WebSocket::after_handshake(Batched::new(stream), Role::Server);
    socket.set_max_message_size(LARGEST);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
