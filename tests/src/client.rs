//! A small blocking WebSocket client for tests: it sends whatever bytes a test wants, and reads
//! strictly, with a deadline on every wait. It answers nothing by itself: a ping or a Close is
//! handed to the test like any message, since whether and when to answer is what tests are about.

mod link;
mod message;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use crate::deflate::Deflate;
use crate::frame::{Frame, Header, Piece, Scanner, opcode};
use crate::handshake::{Request, Response};
use crate::tls;

use message::{brief, close_message, invalid};

pub use link::Link;
pub use message::{Message, close_payload};

/// How long any one wait may take unless the test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
#[derive(Debug)]
pub struct Client {
    link: Link,
    /// Bytes received and not yet taken.
    unread: Vec<u8>,
    scanner: Scanner,
    /// The frame being read; kept when a wait ends too early.
    frame: Option<(Header, Vec<u8>)>,
    /// The message whose fragments are being joined: its opcode, and whether it is compressed.
    message: Option<((u8, bool), Vec<u8>)>,
    deflate: Option<Deflate>,
    patience: Duration,
}

impl Client {
    /// A TCP connection without a handshake.
    pub fn tcp(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::of(stream))
    }

    /// Over a stream on which nothing was said yet.
    pub fn of(stream: impl Into<Link>) -> Self {
        Self {
            link: stream.into(),
            unread: Vec::new(),
            scanner: Scanner::default(),
            frame: None,
            message: None,
            deflate: None,
            patience: PATIENCE,
        }
    }

    /// Connects and upgrades; anything but a correct 101 is an error that shows the answer.
    pub fn connect(address: SocketAddr, target: &str) -> io::Result<Self> {
        Self::open(address, &Request::upgrade(&address.to_string(), target))
    }

    /// The same with a request of one's own.
    pub fn open(address: SocketAddr, request: &Request) -> io::Result<Self> {
        Self::tcp(address)?.upgraded(request)
    }

    /// The same over a stream on which nothing was said yet.
    pub fn over(stream: impl Into<Link>, request: &Request) -> io::Result<Self> {
        Self::of(stream).upgraded(request)
    }

    fn upgraded(self, request: &Request) -> io::Result<Self> {
        let mut client = self;
        client.send_raw(&request.to_bytes())?;
        let response = client.response(true)?;
        if response.status != 101 {
            let text = format!("answered {}: {}", response.status, response.text());
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, text));
        }
        response.check_switching(request).map_err(invalid)?;
        if let Some(agreed) = response.value("sec-websocket-extensions") {
            client.deflate = Some(Deflate::new(agreed).map_err(invalid)?);
            client.scanner.may_compress = true;
        }
        Ok(client)
    }

    /// Sends a request that is not to be granted, and gives the answer; checks that the server
    /// ends the connection after it.
    pub fn refused(address: SocketAddr, request: &Request) -> io::Result<Response> {
        Self::refused_raw(address, &request.to_bytes(), request.method != "HEAD")
    }

    /// The same with raw bytes.
    pub fn refused_raw(address: SocketAddr, bytes: &[u8], has_body: bool) -> io::Result<Response> {
        Self::tcp(address)?.answer(bytes, has_body)
    }

    /// The same over the stream that this client has.
    pub fn answer(mut self, bytes: &[u8], has_body: bool) -> io::Result<Response> {
        self.send_raw(bytes)?;
        let response = self.response(has_body)?;
        if response.status == 101 {
            return Err(invalid("upgraded"));
        }
        self.link.finish()?;
        self.expect_end()?;
        Ok(response)
    }

    /// Reads an HTTP response, which must have a `Date` of now unless it is a 101.
    pub fn response(&mut self, has_body: bool) -> io::Result<Response> {
        self.stream().set_read_timeout(Some(self.patience))?;
        let response = Response::read(&mut self.link, &mut self.unread, has_body)?;
        if response.status != 101 {
            check_date(response.value("Date"))?;
        }
        Ok(response)
    }

    /// How long each later wait may take.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The TCP connection underneath, for socket options and abrupt ends.
    pub fn stream(&self) -> &TcpStream {
        self.link.tcp()
    }

    /// The TLS under this client.
    ///
    /// # Panics
    /// If there is none.
    pub fn tls(&mut self) -> &mut tls::Stream {
        match &mut self.link {
            Link::Plain(_) => panic!("a client without TLS"),
            Link::Secure(stream) => stream,
        }
    }

    /// Ends this direction of the stream: with TLS by close_notify first.
    pub fn finish(&mut self) -> io::Result<()> {
        self.link.finish()
    }

    /// Gives up the client for its stream and the bytes received but not taken.
    ///
    /// # Panics
    /// If it is more than a TCP stream.
    pub fn into_stream(self) -> (TcpStream, Vec<u8>) {
        let (Link::Plain(stream), unread) = self.into_link() else { panic!("a client with TLS") };
        (stream, unread)
    }

    /// The same with or without TLS.
    pub fn into_link(self) -> (Link, Vec<u8>) {
        (self.link, self.unread)
    }

    /// Sends bytes as they are: without a frame, that is.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.link.write_all(bytes)
    }

    /// Sends one frame.
    pub fn send(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.send_raw(&frame.to_bytes())
    }

    /// Sends a text message in one frame.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.send(&Frame::new(opcode::TEXT, text.as_bytes()))
    }

    /// Sends a binary message in one frame.
    pub fn binary(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(&Frame::new(opcode::BINARY, bytes))
    }

    /// Sends a text message compressed, in one frame.
    ///
    /// # Panics
    /// If compression was not agreed on.
    pub fn compressed_text(&mut self, text: &str) -> io::Result<()> {
        let deflate = self.deflate.as_mut().expect("permessage-deflate");
        let payload = deflate.compress(text.as_bytes());
        self.send(&Frame { rsv: 4, ..Frame::new(opcode::TEXT, &payload) })
    }

    /// What was agreed on about compression, and what has come of it.
    ///
    /// # Panics
    /// If nothing was.
    pub fn deflate(&self) -> &Deflate {
        self.deflate.as_ref().expect("permessage-deflate")
    }

    /// Sends a ping.
    pub fn ping(&mut self, payload: &[u8]) -> io::Result<()> {
        self.send(&Frame::new(opcode::PING, payload))
    }

    /// Sends a Close frame with a code and a reason.
    pub fn close(&mut self, code: u16, reason: &str) -> io::Result<()> {
        self.send(&Frame::new(opcode::CLOSE, &close_payload(code, reason)))
    }

    /// The next message, control frame, or end of the stream.
    pub fn receive(&mut self) -> io::Result<Message> {
        let deadline = Instant::now() + self.patience;
        loop {
            let Some((header, payload)) = self.frame(deadline)? else {
                return match self.message {
                    None => Ok(Message::End),
                    Some(_) => Err(invalid("the stream ended inside a fragmented message")),
                };
            };
            match (header.opcode, &mut self.message) {
                (opcode::PING, _) => return Ok(Message::Ping(payload)),
                (opcode::PONG, _) => return Ok(Message::Pong(payload)),
                (opcode::CLOSE, _) => return close_message(&payload),
                (opcode::CONTINUATION, None) => return Err(invalid("nothing to continue")),
                (opcode::CONTINUATION, Some((_, whole))) => whole.extend_from_slice(&payload),
                (_, Some(_)) => return Err(invalid("a new message inside a fragmented one")),
                (kind, none) => *none = Some(((kind, header.compressed), payload)),
            }
            if header.fin {
                let ((kind, is_compressed), mut whole) = self.message.take().expect("set above");
                if let (true, Some(deflate)) = (is_compressed, &mut self.deflate) {
                    whole = deflate.inflate(&whole).map_err(invalid)?;
                }
                return if kind == opcode::TEXT {
                    let text = String::from_utf8(whole).map_err(|e| invalid(e.to_string()))?;
                    Ok(Message::Text(text))
                } else {
                    Ok(Message::Binary(whole))
                };
            }
        }
    }

    /// The next thing must be this text.
    #[track_caller]
    pub fn expect_text(&mut self, want: &str) {
        match self.receive() {
            Ok(Message::Text(text)) if text == want => {}
            other => {
                let want: String = want.chars().take(100).collect();
                panic!("wanted the text {want:?}, got {}", brief(&other))
            }
        }
    }

    /// The next thing must be a text, which is returned.
    #[track_caller]
    pub fn receive_text(&mut self) -> String {
        match self.receive() {
            Ok(Message::Text(text)) => text,
            other => panic!("wanted a text, got {}", brief(&other)),
        }
    }

    /// The next thing must be these bytes.
    #[track_caller]
    pub fn expect_binary(&mut self, want: &[u8]) {
        match self.receive() {
            Ok(Message::Binary(bytes)) if bytes == want => {}
            other => panic!("wanted {} binary bytes, got {}", want.len(), brief(&other)),
        }
    }

    /// The next thing must be a Close frame with this code; gives its reason.
    #[track_caller]
    pub fn expect_close(&mut self, code: u16) -> String {
        match self.receive() {
            Ok(Message::Close(got, reason)) if got == code => reason,
            other => panic!("wanted Close {code}, got {}", brief(&other)),
        }
    }

    /// The same, and it is answered (section 5.5.1); then the server ends the connection. A client
    /// that stays without an answer is waited for when the daemon stops.
    #[track_caller]
    pub fn expect_closed(mut self, code: u16) -> String {
        let reason = self.expect_close(code);
        self.answer_close(code);
        reason
    }

    /// Answers a Close that was received, after which the server ends the connection.
    #[track_caller]
    pub fn answer_close(mut self, code: u16) {
        self.close(code, "").expect("sending Close");
        self.expect_end().expect("the server ends the connection after the closing handshake");
    }

    /// Closes with 1000 and checks the whole of it: the echo of the code, then the server ending
    /// the TCP connection first (section 7.1.1).
    #[track_caller]
    pub fn close_cleanly(mut self) {
        self.close(1000, "").expect("sending Close");
        self.expect_close(1000);
        self.expect_end().expect("the server ends the connection after the closing handshake");
    }

    /// Nothing more may come but the end of the stream.
    pub fn expect_end(&mut self) -> io::Result<()> {
        match self.receive()? {
            Message::End => Ok(()),
            other => Err(invalid(format!("wanted the end, got {}", brief(&Ok(other))))),
        }
    }

    fn frame(&mut self, deadline: Instant) -> io::Result<Option<(Header, Vec<u8>)>> {
        let mut chunk = vec![0; 0x10000];
        loop {
            let mut input = &self.unread[..];
            let mut is_whole = false;
            while let Some(piece) = self.scanner.next(&mut input).map_err(invalid)? {
                match (piece, &mut self.frame) {
                    (Piece::Header(header), none) => *none = Some((header, Vec::new())),
                    (Piece::Payload(part), Some((_, payload))) => payload.extend_from_slice(part),
                    (Piece::End, Some(_)) => {
                        is_whole = true;
                        break;
                    }
                    (_, None) => unreachable!("the scanner gives a header first"),
                }
            }
            let taken = self.unread.len() - input.len();
            self.unread.drain(..taken);
            if is_whole {
                return Ok(self.frame.take());
            }
            match self.read_until(deadline, &mut chunk)? {
                0 if self.scanner.is_between_frames() => return Ok(None),
                0 => return Err(invalid("the stream ended inside a frame")),
                len => self.unread.extend_from_slice(&chunk[..len]),
            }
        }
    }

    fn read_until(&mut self, deadline: Instant, chunk: &mut [u8]) -> io::Result<usize> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let text = format!("nothing whole came within {:?}", self.patience);
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        self.stream().set_read_timeout(Some(left))?;
        match self.link.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let text = format!("nothing whole came within {:?}", self.patience);
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
            other => other,
        }
    }
}

/// Whether this is the time of day, give or take what a slow test may wait.
fn check_date(date: Option<&str>) -> io::Result<()> {
    let given = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let now = SystemTime::now();
    match given.map(|given| now.duration_since(given)) {
        Some(Ok(age)) if age < Duration::from_secs(100) => Ok(()),
        _ => Err(invalid(format!("Date is {date:?}, not now"))),
    }
}
