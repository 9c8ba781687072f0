//! Seals and opens records, by this crate or by rustls, for a tool that counts or times it:
//!
//! ```text
//! cargo build --release --example cost -p ringsocket-tls
//! valgrind --tool=callgrind target/release/examples/cost ours 16384 1000
//! ```
//!
//! The second argument is the size of what is sent at once, in bytes; the third says how often.

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;

use ringsocket_tls::{Direction, Keys, Records, Secret, Suite};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

/// TLS_AES_128_GCM_SHA256.
const SUITE: u16 = 0x1301;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [who, len, count] = &arguments[..] else {
        return Err("usage: cost ours|rustls BYTES COUNT".into());
    };
    let (plain, count) = (vec![7; len.parse()?], count.parse()?);
    match &who[..] {
        "ours" => ours(&plain, count),
        "rustls" => theirs(&plain, count),
        _ => Err("neither ours nor rustls".into()),
    }
}

fn ours(plain: &[u8], count: usize) -> Result<()> {
    let suite = Suite::from_number(SUITE).ok_or("an unknown suite")?;
    let direction = |number| -> Result<Direction> {
        let traffic_secret = Secret::new(&[number; 32])?;
        Ok(Direction { keys: Keys::Tls13 { traffic_secret }, sequence: 0 })
    };
    let mut sender = Records::new(suite, direction(1)?, direction(2)?)?;
    let mut receiver = Records::new(suite, direction(2)?, direction(1)?)?;
    let mut wire = Vec::new();
    for _ in 0..count {
        wire.clear();
        sender.seal(&[plain], &mut wire)?;
        let opened = receiver.open(&mut wire);
        assert_eq!(black_box(&wire[opened.plain]).len(), plain.len());
    }
    Ok(())
}

fn theirs(plain: &[u8], count: usize) -> Result<()> {
    let (mut sender, mut receiver) = shake_hands()?;
    sender.set_buffer_limit(None);
    let (mut wire, mut read) = (Vec::new(), vec![0; plain.len()]);
    for _ in 0..count {
        wire.clear();
        sender.writer().write_all(plain)?;
        while sender.wants_write() {
            sender.write_tls(&mut wire)?;
        }
        let (mut rest, mut len) = (&wire[..], 0);
        while !rest.is_empty() {
            receiver.read_tls(&mut rest)?;
            let state = receiver.process_new_packets()?;
            let end = len + state.plaintext_bytes_to_read();
            receiver.reader().read_exact(&mut read[len..end])?;
            len = end;
        }
        assert_eq!(black_box(&read[..len]).len(), plain.len());
    }
    Ok(())
}

fn shake_hands() -> Result<(ServerConnection, ClientConnection)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| u16::from(suite.suite()) == SUITE);
    let provider = Arc::new(provider);
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into()?)?;
    for _ in 0..4 {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut up)?;
        }
        let mut rest = &up[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest)?;
        }
        server.process_new_packets()?;
        while server.wants_write() {
            server.write_tls(&mut down)?;
        }
        let mut rest = &down[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest)?;
        }
        client.process_new_packets()?;
    }
    Ok((server, client))
}
