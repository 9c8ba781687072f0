//! Limits per address, for clients behind trusted proxies. (Those of direct connections leave this
//! machine out, from where the tests connect: `worker/origin/tests.rs` has them.)

use std::time::Instant;

use ringsocket_tests::handshake::Response;
use ringsocket_tests::process;

use super::*;

/// Connects and upgrades; or gives what else was answered.
fn try_with(address: SocketAddr, header: &[u8], request: &Request) -> Result<Client, Response> {
    let mut client = Client::tcp(address).unwrap();
    client.send_raw(&[header, &request.to_bytes()].concat()).unwrap();
    let response = client.response(request.method != "HEAD").unwrap();
    if response.status == 101 { Ok(client) } else { Err(response) }
}

/// The same, for a client that a proxy names.
fn try_for(daemon: &Daemon, client: &str) -> Result<Client, Response> {
    try_with(daemon.address(), b"", &upgrade().header("X-Forwarded-For", client))
}

#[track_caller]
fn assert_429(result: Result<Client, Response>) {
    let response = result.expect_err("one too many");
    assert_eq!(response.status, 429, "{}", response.text());
    assert_eq!(response.value("Retry-After"), Some("1"));
    assert_eq!(response.value("Connection"), Some("close"));
}

/// Tries until there is room: the end of a connection may reach its client before it stops counting.
#[track_caller]
fn connect_soon(attempt: impl Fn() -> Result<Client, Response>) -> Client {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(client) => return client,
            Err(response) => assert!(start.elapsed() < PATIENCE, "{}", response.text()),
        }
    }
}

#[test]
fn the_connections_of_a_forwarded_address_are_limited() {
    let daemon = daemon(r#""max_conn_c_per_addr": 3, "worker_c": 2,"#);
    let mut inside: Vec<_> = (0..3).map(|_| try_for(&daemon, "192.0.2.7").unwrap()).collect();
    assert_429(try_for(&daemon, "192.0.2.7"));
    assert_429(try_for(&daemon, "[::ffff:192.0.2.7]:5"));
    // Whatever a client claims beside.
    for spoof in ["10.0.0.9, 192.0.2.7", "198.51.100.1, 192.0.2.7", "unknown,\", 192.0.2.7"] {
        assert_429(try_for(&daemon, spoof));
    }
    let head =
        Request { method: "HEAD".into(), ..upgrade() }.header("X-Forwarded-For", "192.0.2.7");
    assert_429(try_with(daemon.address(), b"", &head));
    daemon.wait_log_line(&["answered with 429", "max_conn_c_per_addr", "192.0.2.7"]);
    // Others, and the proxy itself, have room.
    let other = try_for(&daemon, "192.0.2.8").unwrap();
    let own: Vec<_> = (0..6).map(|_| daemon.connect("/witness")).collect();
    for client in &mut inside {
        assert_eq!(address_of(client), "192.0.2.7:0");
    }
    // Room again, however a connection ends.
    inside.pop().unwrap().close_cleanly();
    inside.push(connect_soon(|| try_for(&daemon, "192.0.2.7")));
    assert_429(try_for(&daemon, "192.0.2.7"));
    drop(inside.pop());
    inside.push(connect_soon(|| try_for(&daemon, "192.0.2.7")));
    assert_429(try_for(&daemon, "192.0.2.7"));
    inside.into_iter().chain(own).chain([other]).for_each(Client::close_cleanly);
    daemon.stop_well();
}

#[test]
fn the_connections_of_an_address_in_the_proxys_header_are_limited() {
    let daemon = daemon(r#""max_conn_c_per_addr": 2,"#);
    let attempt = |ip: &str, request: &Request| {
        let line = format!("PROXY TCP6 {ip} ::1 12345 80\r\n");
        try_with(proxied(&daemon), line.as_bytes(), request)
    };
    // Of IPv6 a /64 network counts as one address.
    let first = attempt("2001:db8::1", &upgrade()).unwrap();
    let second = attempt("2001:db8::2", &upgrade()).unwrap();
    assert_429(attempt("2001:db8::3", &upgrade()));
    let spoof = upgrade().header("X-Forwarded-For", "198.51.100.1");
    assert_429(attempt("2001:db8::3", &spoof));
    let other = attempt("2001:db8:0:1::1", &upgrade()).unwrap();
    first.close_cleanly();
    let third = connect_soon(|| attempt("2001:db8::3", &upgrade()));
    [second, third, other].into_iter().for_each(Client::close_cleanly);
    // Both proxies in a row: only the client counts, once.
    let through = |client: &str| {
        let request = upgrade().header("X-Forwarded-For", client);
        try_with(proxied(&daemon), b"PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\n", &request)
    };
    let clients = [through("192.0.2.7").unwrap(), through("192.0.2.7").unwrap()];
    assert_429(through("192.0.2.7"));
    let last = through("192.0.2.8").unwrap();
    clients.into_iter().chain([last]).for_each(Client::close_cleanly);
    daemon.stop_well();
}

#[test]
fn who_is_one_too_many_takes_no_place_however_long_it_stays() {
    let daemon = daemon(r#""max_conn_c_per_addr": 1, "shutdown_wait_http": 3600,"#);
    let inside = try_for(&daemon, "192.0.2.7").unwrap();
    let before = process::descriptors(daemon.pid()).unwrap();
    let stay = |address: SocketAddr, header: &[u8], request: &Request| {
        let mut client = Client::tcp(address).unwrap();
        client.send_raw(&[header, &request.to_bytes()].concat()).unwrap();
        assert_eq!(client.response(true).unwrap().status, 429);
        client
    };
    let by_header = upgrade().header("X-Forwarded-For", "192.0.2.7");
    let line = b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 80\r\n";
    let outside: Vec<_> = (0..10)
        .flat_map(|_| {
            [stay(daemon.address(), b"", &by_header), stay(proxied(&daemon), line, &upgrade())]
        })
        .collect();
    let start = Instant::now();
    while process::descriptors(daemon.pid()).unwrap() > before {
        assert!(start.elapsed() < PATIENCE, "they keep their places");
    }
    drop(outside);
    inside.close_cleanly();
    daemon.stop_well();
}

#[test]
fn the_handshakes_of_an_address_are_limited() {
    let daemon = daemon(r#""max_handshake_rate_per_addr": 3,"#);
    let start = Instant::now();
    let results: Vec<_> = (0..60).map(|_| try_for(&daemon, "192.0.2.7")).collect();
    // A second's worth at once, and then what time gives: a quick run is answered 429 mostly, and
    // only one that takes 20 seconds is not.
    let by_time = 3 * (start.elapsed().as_secs() as usize + 1);
    let (admitted, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert!(admitted.len() >= 3 && admitted.len() <= 3 + by_time, "{}", admitted.len());
    assert!(!refused.is_empty());
    refused.into_iter().for_each(assert_429);
    daemon.wait_log_line(&["answered with 429", "max_handshake_rate_per_addr", "192.0.2.7"]);
    try_for(&daemon, "192.0.2.8").unwrap().close_cleanly();
    // It is let in again.
    connect_soon(|| try_for(&daemon, "192.0.2.7")).close_cleanly();
    admitted.into_iter().flatten().for_each(Client::close_cleanly);
    daemon.stop_well();
}
