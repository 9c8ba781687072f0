//! For the crates that run on tokio: one thread that accepts, and a stream that gathers what is
//! written until nothing is left to be read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::BATCH;

/// Serves each connection in a task of its own, all in this thread.
pub fn serve<F, E>(connection: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = Result<(), E>> + 'static,
    E: 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(crate::listen()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            // What becomes of one connection is nothing to the others.
            tokio::task::spawn_local(tokio::task::unconstrained(async move {
                let _ = connection(stream).await;
            }));
        }
    })
}

/// Reads the request head and answers it with the 101. Clients of the bench send no frame before.
pub async fn upgrade(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(&crate::switching(&head)?).await
}

/// A stream for crates that write every frame by itself: flushes when nothing is left to be read.
pub struct Batched(BufWriter<TcpStream>);

impl Batched {
    /// Around a stream.
    pub fn new(stream: TcpStream) -> Self {
        Self(BufWriter::with_capacity(BATCH, stream))
    }
}

impl AsyncRead for Batched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(self.0.get_mut()).poll_read(cx, into);
        if read.is_pending() {
            ready!(Pin::new(&mut self.0).poll_flush(cx))?;
        }
        read
    }
}

impl AsyncWrite for Batched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
