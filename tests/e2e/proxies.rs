//! Clients behind proxies: where they come from is what a trusted proxy says, in its header of the
//! PROXY protocol or in the request.

mod limits;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use ringsocket_tests::client::{Client, PATIENCE};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;

/// A daemon with the app `witness` on two sockets: a plain one, and one with the PROXY protocol
/// (`{port1}`). The tests are its trusted proxy.
fn daemon(keys: &str) -> Daemon {
    let config = format!(
        r#"{{ {keys} "ports": [ {{ "port_number": {{port}}, "is_unencrypted": true }},
            {{ "port_number": {{port1}}, "is_unencrypted": true, "proxy_protocol": true }} ],
          "trusted_proxies": ["127.0.0.1", "10.0.0.0/8"],
          "apps": [ {{ "name": "witness", "app_path": "{{apps}}/witness.so",
            "endpoints": [ {{ "endpoint_id": 1, "url": "/witness" }} ] }} ] }}"#
    );
    Builder::new().app("witness").config(&config).sockets(2).start()
}

/// The port with the PROXY protocol.
fn proxied(daemon: &Daemon) -> SocketAddr {
    daemon.addresses()[1]
}

/// A WebSocket client whose connection begins with the bytes of a proxy.
fn connect_with(address: SocketAddr, header: &[u8], request: &Request) -> Client {
    let mut client = Client::tcp(address).unwrap();
    client.send_raw(&[header, &request.to_bytes()].concat()).unwrap();
    let response = client.response(true).unwrap();
    response.check_switching(request).unwrap();
    client
}

fn upgrade() -> Request {
    Request::upgrade("localhost", "/witness")
}

/// The address that the app knows the client by.
fn address_of(client: &mut Client) -> String {
    client.text("address").unwrap();
    client.receive_text()
}

/// The address of the test's own end.
fn own_address(client: &Client) -> String {
    client.stream().local_addr().unwrap().to_string()
}

/// The signature, command, family and length of version 2, and what follows.
fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &len, body].concat()
}

fn inet(ip: Ipv4Addr, port: u16) -> Vec<u8> {
    [&ip.octets()[..], &[198, 51, 100, 1], &port.to_be_bytes(), &[0, 80]].concat()
}

#[test]
fn the_app_sees_the_address_of_the_proxys_header() {
    let daemon = daemon("");
    let to = proxied(&daemon);
    let v6 =
        [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0][..], &[0; 7], &[7], &[0; 16], &[0, 5, 0, 80]].concat();
    let tlv = [&inet(Ipv4Addr::new(192, 0, 2, 7), 4711)[..], b"\x01\0\x02h2"].concat();
    for (header, expected) in [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 80\r\n".to_vec(), "192.0.2.7:12345"),
        (b"PROXY TCP6 2001:db8::7 ::1 12345 80\r\n".to_vec(), "[2001:db8::7]:12345"),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 12345 80\r\n".to_vec(), "192.0.2.7:12345"),
        (binary(0x21, 0x11, &tlv), "192.0.2.7:4711"),
        (binary(0x21, 0x21, &v6), "[2001:db8::7]:5"),
    ] {
        let mut client = connect_with(to, &header, &upgrade());
        assert_eq!(address_of(&mut client), expected);
        client.close_cleanly();
    }
    for header in
        [b"PROXY UNKNOWN\r\n".to_vec(), binary(0x20, 0, b""), binary(0x21, 0x31, &[0; 216])]
    {
        let mut client = connect_with(to, &header, &upgrade());
        assert_eq!(address_of(&mut client), own_address(&client));
        client.close_cleanly();
    }
    // The other port knows nothing of it.
    let mut client = daemon.connect("/witness");
    assert_eq!(address_of(&mut client), own_address(&client));
    client.close_cleanly();
    let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 80\r\n";
    let bytes = [&line[..], &upgrade().to_bytes()].concat();
    assert_eq!(Client::refused_raw(daemon.address(), &bytes, true).unwrap().status, 400);
    daemon.stop_well();
}

/// Reads to the end, which may be a reset since what was sent is not read.
fn all_that_comes(client: &Client) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    match client.stream().read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => bytes,
        Err(error) => panic!("still open: {error}"),
    }
}

#[test]
fn whoever_has_no_good_header_is_dropped_without_an_answer() {
    let daemon = daemon(r#""http_head_wait": 1,"#);
    for bytes in [
        upgrade().to_bytes(),
        b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n".to_vec(),
        binary(0x21, 0x12, &inet(Ipv4Addr::new(192, 0, 2, 7), 1)),
        // In part: until the deadline.
        b"PROXY TCP4 192.0.2.7 ".to_vec(),
        Vec::new(),
    ] {
        let mut client = Client::tcp(proxied(&daemon)).unwrap();
        client.send_raw(&bytes).unwrap();
        assert_eq!(all_that_comes(&client), b"", "{bytes:?}");
    }
    daemon.wait_log_line(&["no good header of the PROXY protocol", "no PROXY header"]);
    daemon.wait_log_line(&["no good header of the PROXY protocol", "took too long"]);
    let ended = daemon.stop_well();
    assert!(ended.log.contains("unproxied 5"), "{}", ended.log);
}

#[test]
fn only_trusted_proxies_reach_a_port_with_the_proxy_protocol() {
    let config = r#"{ "ports": [ { "port_number": {port}, "is_unencrypted": true,
        "proxy_protocol": true } ], "trusted_proxies": ["192.0.2.0/24"] }"#;
    let daemon = Builder::new().app("witness").config(config).start();
    // Nothing is sent: the connection is dropped before anything could be read.
    let client = Client::tcp(daemon.address()).unwrap();
    assert_eq!(all_that_comes(&client), b"");
    daemon.wait_log_line(&["dropped", "127.0.0.1", "trusted_proxies does not name it"]);
    daemon.stop_well();
}

#[test]
fn the_app_sees_the_address_that_trusted_proxies_forward() {
    let daemon = daemon("");
    let to = daemon.address();
    for (fields, expected) in [
        (&["192.0.2.7"][..], "192.0.2.7:0"),
        (&["192.0.2.7:4711"], "192.0.2.7:4711"),
        (&["2001:db8::7"], "[2001:db8::7]:0"),
        (&["::ffff:192.0.2.7"], "192.0.2.7:0"),
        (&["192.0.2.7", "10.1.1.1, 127.0.0.1"], "192.0.2.7:0"),
        // What the client has claimed itself stands to the left.
        (&["203.0.113.9, 192.0.2.7"], "192.0.2.7:0"),
        (&["203.0.113.9", "192.0.2.7", "10.1.1.1"], "192.0.2.7:0"),
        (&["127.0.0.1, 10.0.0.1, \", 192.0.2.7"], "192.0.2.7:0"),
    ] {
        let add = |request: Request, value: &&str| request.header("X-Forwarded-For", value);
        let request = fields.iter().fold(upgrade(), add);
        let mut client = connect_with(to, b"", &request);
        assert_eq!(address_of(&mut client), expected, "{fields:?}");
        client.close_cleanly();
    }
    // Only the configured header counts, and only what is an address.
    for (name, value) in
        [("Forwarded", "for=192.0.2.7"), ("X-Real-IP", "192.0.2.7"), ("X-Forwarded-For", "unknown")]
    {
        let mut client = connect_with(to, b"", &upgrade().header(name, value));
        assert_eq!(address_of(&mut client), own_address(&client), "{name}");
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn ipv4_on_a_socket_of_ipv6_is_ipv4() {
    let mapped = || TcpListener::bind("[::ffff:127.0.0.1]:0").unwrap();
    let daemon = Builder::new().app("witness").socket("ws", mapped()).start();
    let mut client = daemon.connect("/witness");
    let own = client.stream().local_addr().unwrap();
    assert!(own.is_ipv6());
    assert_eq!(address_of(&mut client), format!("127.0.0.1:{}", own.port()));
    client.close_cleanly();
    daemon.stop_well();
    let config = r#"{ "trusted_proxies": ["127.0.0.1"] }"#;
    let builder = Builder::new().app("witness").config(config);
    let daemon = builder.socket("ws", mapped()).start();
    let request = upgrade().header("X-Forwarded-For", "192.0.2.7");
    let mut client = connect_with(daemon.address(), b"", &request);
    assert_eq!(address_of(&mut client), "192.0.2.7:0");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn the_header_of_rfc7239_is_believed_where_it_is_configured() {
    let daemon = daemon(r#""forwarded_header": "forwarded","#);
    for (value, expected) in [
        ("for=192.0.2.7;proto=https", "192.0.2.7:0"),
        ("for=203.0.113.9, For=\"[2001:db8::7]:4711\", for=10.1.1.1", "[2001:db8::7]:4711"),
        ("for=\"203.0.113.9, for=192.0.2.7", "192.0.2.7:0"),
    ] {
        let mut client = connect_with(daemon.address(), b"", &upgrade().header("Forwarded", value));
        assert_eq!(address_of(&mut client), expected, "{value}");
        client.close_cleanly();
    }
    let spoof = upgrade().header("X-Forwarded-For", "192.0.2.7");
    let mut client = connect_with(daemon.address(), b"", &spoof);
    assert_eq!(address_of(&mut client), own_address(&client));
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn who_is_not_a_trusted_proxy_cannot_name_an_address() {
    let spoof =
        upgrade().header("X-Forwarded-For", "192.0.2.7").header("Forwarded", "for=192.0.2.7");
    // By default nobody is trusted, not even this machine.
    let untrusting = Builder::new().app("witness").start();
    let mut client = connect_with(untrusting.address(), b"", &spoof);
    assert_eq!(address_of(&mut client), own_address(&client));
    client.close_cleanly();
    untrusting.stop_well();
    // Behind a proxy that speaks the PROXY protocol it is the client who wrote the request...
    let daemon = daemon("");
    let direct = b"PROXY TCP4 198.51.100.4 198.51.100.1 12345 80\r\n";
    let mut client = connect_with(proxied(&daemon), direct, &spoof);
    assert_eq!(address_of(&mut client), "198.51.100.4:12345");
    client.close_cleanly();
    // ...unless that is a proxy too.
    let through = b"PROXY TCP4 10.7.7.7 198.51.100.1 12345 80\r\n";
    let mut client = connect_with(proxied(&daemon), through, &spoof);
    assert_eq!(address_of(&mut client), "192.0.2.7:0");
    client.close_cleanly();
    let off = self::daemon(r#""forwarded_header": "none","#);
    let mut client = connect_with(off.address(), b"", &spoof);
    assert_eq!(address_of(&mut client), own_address(&client));
    client.close_cleanly();
    off.stop_well();
    daemon.stop_well();
}
