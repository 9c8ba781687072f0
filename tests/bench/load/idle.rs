//! Connections that have exchanged messages and fall silent.

use std::io::{self, Read, Write};

use ringsocket_tests::client::{Client, Link};
use ringsocket_tests::deflate::Deflate;
use ringsocket_tests::frame::{Frame, opcode};

use crate::dial::Dial;

/// What each connection does before it falls silent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    /// Messages that it has sent to an echo app, and got back.
    pub(crate) messages: usize,
    /// Their size in bytes: JSON text.
    pub(crate) size: usize,
    /// Whether it offers permessage-deflate, which the server must then agree to.
    pub(crate) compressed: bool,
}

/// Opens one and exchanges the messages, of which only the bytes are looked at: a zlib stream for
/// each connection would be too much for this side.
pub(crate) fn open(dial: &Dial, past: Past) -> io::Result<Link> {
    let mut request = dial.url.request();
    if past.compressed {
        request = request.header("Sec-WebSocket-Extensions", "permessage-deflate");
    }
    let mut client = Client::of(dial.link()?);
    client.send_raw(&request.to_bytes())?;
    let response = client.response(true)?;
    let agreed = response.value("Sec-WebSocket-Extensions");
    if response.status != 101 || agreed.is_some() != past.compressed {
        return Err(io::Error::other(format!("answered {}", response.status)));
    }
    let text = json(past.size);
    let frame = match agreed {
        None => Frame::new(opcode::TEXT, &text).to_bytes(),
        Some(agreed) => {
            let payload = Deflate::new(agreed).map_err(io::Error::other)?.compress(&text);
            Frame { rsv: 4, ..Frame::new(opcode::TEXT, &payload) }.to_bytes()
        }
    };
    let (mut stream, _) = client.into_link();
    for _ in 0..past.messages {
        stream.write_all(&frame)?;
        read_frame(&mut stream)?;
    }
    Ok(stream)
}

/// JSON text of a size in bytes, as compressible as such texts are.
pub(crate) fn json(size: usize) -> Vec<u8> {
    let mut text = String::with_capacity(size + 64);
    let mut number = 17;
    while text.len() < size {
        number = number * 131 % 9973;
        text +=
            &format!("{{\"id\":{number},\"name\":\"client {}\",\"online\":true}},", number % 89);
    }
    text.truncate(size);
    text.into_bytes()
}

/// Reads one frame of the server and gives its bytes, header included.
pub(crate) fn read_frame(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 2];
    stream.read_exact(&mut frame)?;
    let more = match frame[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    frame.resize(2 + more, 0);
    stream.read_exact(&mut frame[2..])?;
    let len = match more {
        0 => usize::from(frame[1]),
        _ => frame[2..].iter().fold(0, |len, &byte| len << 8 | usize::from(byte)),
    };
    frame.resize(2 + more + len, 0);
    stream.read_exact(&mut frame[2 + more..])?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_form_are_read_whole() {
        for size in [0, 125, 126, 0xffff, 0x10000] {
            let payload = vec![7; size];
            let frame = Frame { mask: None, ..Frame::new(opcode::BINARY, &payload) }.to_bytes();
            let stream = [&frame[..], b"rest"].concat();
            let mut reader = &stream[..];
            assert_eq!(read_frame(&mut reader).unwrap(), frame);
            assert_eq!(reader, b"rest");
        }
    }

    #[test]
    fn the_text_has_its_size_and_can_be_compressed() {
        let text = json(1024);
        assert_eq!(text.len(), 1024);
        let mut deflate = Deflate::new("permessage-deflate").unwrap();
        let compressed = deflate.compress(&text).len();
        assert!((100..700).contains(&compressed), "{compressed}");
    }
}
