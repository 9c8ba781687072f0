//! Clients with TLS behind a proxy that names their addresses by the PROXY protocol, before the first
//! byte of TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use ringsocket_tests::client::PATIENCE;
use ringsocket_tests::handshake::Request;

use super::*;

fn start(keys: &str) -> House {
    let authority = Authority::new("root");
    let certificate = authority.server(&["localhost"]);
    let config = format!(
        r#"{{ {keys} "trusted_proxies": ["127.0.0.1"], "certs": [ {} ], "ports": [
            {{ "port_number": {{port}}, "is_unencrypted": false, "proxy_protocol": true }},
            {{ "port_number": {{port1}}, "is_unencrypted": true }} ] }}"#,
        entry("site", &["localhost"])
    );
    let daemon = builder().certificate("site", &certificate).config(&config).start();
    House { authority, certificate, daemon }
}

/// Version 2 for a client at 192.0.2.7:4711.
fn binary() -> Vec<u8> {
    [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..],
        &[192, 0, 2, 7, 198, 51, 100, 1],
        &4711u16.to_be_bytes(),
        &[1, 187],
    ]
    .concat()
}

#[test]
fn the_app_sees_the_address_that_the_proxy_names() {
    for keys in ["", RUSTLS] {
        let house = start(keys);
        for header in [b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n".to_vec(), binary()] {
            for version in versions() {
                let connector = house.offer().version(version).to("localhost");
                // At once with the hello, and by itself.
                for is_one_write in [true, false] {
                    let mut tcp = TcpStream::connect(house.address()).unwrap();
                    tcp.set_nodelay(true).unwrap();
                    let stream = if is_one_write {
                        connector.over_after(tcp, &header).unwrap()
                    } else {
                        tcp.write_all(&header).unwrap();
                        connector.over(tcp).unwrap()
                    };
                    let request = Request::upgrade("localhost", "/witness");
                    let mut client = Client::over(stream, &request).unwrap();
                    client.text("address").unwrap();
                    client.expect_text("192.0.2.7:4711");
                    client.close_cleanly();
                }
            }
        }
        house.daemon.stop_well();
    }
}

#[test]
fn a_hello_without_a_header_before_it_is_dropped_without_an_answer() {
    let house = start("");
    let mut tcp = TcpStream::connect(house.address()).unwrap();
    tcp.write_all(&house.connector().hello()).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    // The end, or a reset since the hello was not read to its end.
    match tcp.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    assert!(bytes.is_empty(), "{bytes:?}");
    house.daemon.wait_log_line(&["no good header of the PROXY protocol"]);
    house.daemon.stop_well();
}
