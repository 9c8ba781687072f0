//! The client against a server that is rustls as well: what both agree on, and how streams end.

use std::net::TcpListener;
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection};

use super::*;
use crate::cutter::Cutter;

/// What a server does with one connection.
type Script = fn(&mut rustls::StreamOwned<ServerConnection, TcpStream>);

/// Serves one connection after the other by a script each.
fn serve(certificate: &Certificate, scripts: Vec<Script>) -> (SocketAddr, JoinHandle<()>) {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificate.certificates(), certificate.private_key())
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for script in scripts {
            let (tcp, _) = listener.accept().unwrap();
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            script(&mut rustls::StreamOwned::new(tls, tcp));
        }
    });
    (address, thread)
}

fn echo_until_the_end(stream: &mut rustls::StreamOwned<ServerConnection, TcpStream>) {
    let mut buffer = vec![0; 0x10000];
    while let Ok(len @ 1..) = stream.read(&mut buffer) {
        stream.write_all(&buffer[..len]).unwrap();
    }
    stream.conn.send_close_notify();
    stream.flush().unwrap();
}

#[test]
fn a_stream_comes_back_in_any_pieces_over_key_updates_and_ends_well() {
    let authority = Authority::new("root");
    let certificate = authority.intermediate("between").server(&["localhost"]);
    for version in [&TLS12, &TLS13] {
        let (address, server) = serve(&certificate, vec![echo_until_the_end; 2]);
        let connector = Offer::new(&authority).version(version).to("localhost");
        let cutter = Cutter::start(address, 5, 300).unwrap();
        for (number, address) in [address, cutter.address()].into_iter().enumerate() {
            let mut stream = connector.connect(address).unwrap();
            assert_eq!(stream.version(), version.version);
            assert!(stream.shows(&certificate) && !stream.shows(&authority.server(&["a"])));
            assert_eq!(stream.is_resumed(), number == 1);
            let sent: Vec<u8> = (0..100_000u64).map(|at| ((at * at) >> 7) as u8).collect();
            let mut got = vec![0; sent.len()];
            for _ in 0..3 {
                stream.write_all(&sent).unwrap();
                stream.read_exact(&mut got).unwrap();
                assert!(got == sent);
                if version.version == ProtocolVersion::TLSv1_3 {
                    stream.update_keys().unwrap();
                }
            }
            stream.finish().unwrap();
            assert_eq!(stream.read(&mut got).unwrap(), 0);
        }
        server.join().unwrap();
    }
}

#[test]
fn alerts_and_ends_without_close_notify_are_told_apart() {
    let authority = Authority::new("root");
    let certificate = authority.server(&["localhost"]);
    let hang_up: Script = |stream| {
        stream.write_all(b"so far").unwrap();
    };
    let refuse: Script = |stream| {
        // Its ALPN does not go with the client's.
        assert!(stream.flush().is_err());
    };
    let (address, server) = serve(&certificate, vec![hang_up, refuse]);
    let offer = Offer::new(&authority);
    let mut stream = offer.to("localhost").connect(address).unwrap();
    stream.read_exact(&mut [0; 6]).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    let error = offer.protocols(&["h2"]).to("localhost").connect(address).unwrap_err();
    assert_eq!(alert(&error), Some(AlertDescription::NoApplicationProtocol));
    server.join().unwrap();
}
