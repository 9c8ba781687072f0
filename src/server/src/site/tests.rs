//! What is answered at which entrance, to whom.

use std::time::Duration;

use ringsocket_proto::deflate::Inflater;
use ringsocket_proto::{Connection, Event, Input, Limits, Millis};

use super::*;
use crate::tls::ClientCert;

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const PLAIN: u16 = 0;
const TLS: u16 = 1;

fn things() -> Things<impl Fn(u16) -> bool> {
    Things { is_stopping: false, has_failed: |_| false, terms: None }
}

fn limits() -> Limits {
    let wait = Duration::from_secs(1);
    Limits {
        head_size: 1024,
        header_c: 16,
        message_size: 1024,
        chain_size: 1024,
        frame_size: 1024,
        fragment_c: 16,
        head_wait: wait,
        upgrade_wait: wait,
        close_wait: wait,
        ping_wait: None,
        pong_wait: wait,
    }
}

/// Each endpoint is an app's, of the same number.
fn site(endpoints: &[(Option<bool>, Option<&str>)]) -> Site {
    let endpoint = |(is_tls, host): &(Option<bool>, Option<&str>)| Endpoint {
        path: "/chat".to_owned(),
        authority: host.map(|host| Authority {
            host: host.to_owned(),
            port: if *is_tls == Some(true) { 443 } else { 80 },
        }),
        is_tls: *is_tls,
        allowed_origins: Vec::new(),
        subprotocols: Vec::new(),
    };
    let route = |app| Route { app, endpoint_id: 0, decides: false, pages: None };
    let entrance = |is_tls| Entrance { is_tls, pages: None, proxy_protocol: false };
    Site {
        endpoints: endpoints.iter().map(endpoint).collect(),
        routes: (0..endpoints.len() as u16).map(route).collect(),
        entrances: vec![entrance(false), entrance(true)],
        health_path: Some("/healthz".to_owned()),
        ..Site::default()
    }
}

fn named(server_name: Option<&str>) -> Identity {
    Identity { version: "TLSv1.3", server_name: server_name.map(Box::from), client: None }
}

fn answer(
    site: &Site,
    entrance: u16,
    identity: Option<&Identity>,
    target: &str,
    host: &str,
    lines: &str,
) -> Answer {
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
    let (mut bytes, mut inflater, mut out) = (head.into_bytes(), Inflater::default(), Vec::new());
    let mut input = Input::new(&mut bytes);
    let mut connection = Connection::new(Millis(0));
    let event = connection.receive(&mut input, Millis(0), &limits(), &mut inflater, &mut out);
    let Some(Event::Request(request)) = event else { panic!("{event:?}") };
    site.answer(&request, entrance, identity, &things())
}

/// The app that gets an upgrade of `/chat`, or the status that refuses it.
fn app(site: &Site, entrance: u16, server_name: Option<&str>, host: &str) -> Result<u16, u16> {
    let identity = (entrance == TLS).then(|| named(server_name));
    match answer(site, entrance, identity.as_ref(), "/chat", host, UPGRADE) {
        Answer::Accept { app, .. } => Ok(app),
        Answer::Refuse(response, false) => Err(response.status),
        other => panic!("{other:?}"),
    }
}

#[test]
fn apps_of_two_hosts_share_a_path() {
    let site = site(&[(Some(true), Some("example.com")), (Some(true), Some("other.com"))]);
    assert_eq!(app(&site, TLS, Some("example.com"), "example.com"), Ok(0));
    assert_eq!(app(&site, TLS, Some("other.com"), "OTHER.com:443"), Ok(1));
    assert_eq!(app(&site, TLS, None, "other.com"), Ok(1), "who names no server may ask for any");
    assert_eq!(app(&site, TLS, Some("third.com"), "third.com"), Err(404));
    for host in ["example.com", "other.com"] {
        assert_eq!(app(&site, PLAIN, None, host), Err(404), "ws://{host}");
    }
}

#[test]
fn rfc9110_15_5_20_whatever_is_asked_of_another_host_is_misdirected() {
    let site = site(&[(None, None)]);
    assert_eq!(app(&site, TLS, Some("example.com"), "other.com"), Err(421));
    let status = |target: &str, lines: &str| {
        let identity = named(Some("example.com"));
        match answer(&site, TLS, Some(&identity), target, "other.com", lines) {
            Answer::Refuse(response, _) => response.status,
            other => panic!("{other:?}"),
        }
    };
    let all = ["/healthz", "/chat", "/", "/page.html"];
    assert_eq!(all.map(|target| status(target, "")), [421; 4]);
    assert_eq!(status("/", UPGRADE), 421);
}

#[test]
fn the_health_is_told_by_its_host_encrypted_or_not() {
    let site = site(&[]);
    let identity = named(Some("example.com"));
    for (entrance, identity) in [(PLAIN, None), (TLS, Some(&identity))] {
        let answer = answer(&site, entrance, identity, "/healthz", "example.com", "");
        assert!(matches!(answer, Answer::Health(Health::Ok, false)), "{answer:?}");
    }
}

#[test]
fn a_certificate_of_more_names_than_fit_a_record_leads_to_no_app() {
    let site = site(&[(None, None)]);
    let status = |name_c: usize| {
        let sans = vec!["x".repeat(96); name_c];
        let client = Some(Box::new(ClientCert { subject: String::new(), sans }));
        let identity = Identity { client, ..named(None) };
        match answer(&site, TLS, Some(&identity), "/chat", "a.b", UPGRADE) {
            Answer::Accept { .. } => 101,
            Answer::Refuse(response, _) => response.status,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([status(0), status(81), status(82)], [101, 101, 400]);
}

#[test]
fn endpoints_without_an_entrance_are_named() {
    let mut site = site(&[(Some(true), Some("a.b")), (Some(false), Some("a.b")), (None, None)]);
    assert_eq!(site.unreachable().count(), 0);
    let encrypted = site.entrances.pop();
    let told: Vec<_> = site.unreachable().collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("wss://a.b:443/chat: there is no encrypted socket"), "{told:?}");
    site.entrances = encrypted.into_iter().collect();
    let told: Vec<_> = site.unreachable().collect();
    assert!(told[0].contains("ws://a.b:80/chat: there is no unencrypted socket"), "{told:?}");
}

#[test]
fn pages_beside_an_endpoint_are_those_of_its_host() {
    let (mut site, root) = (site(&[(Some(true), Some("a.b"))]), std::env::temp_dir());
    let root = root.join(format!("ringsocket-site-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("a folder");
    std::fs::write(root.join("x.txt"), "x").expect("a page");
    let (pages, _) = Pages::load(&root).expect("pages");
    std::fs::remove_dir_all(&root).expect("a folder to remove");
    site.routes[0].pages = Some(Arc::new(pages));
    let is_page = |entrance, host: &str| {
        let answer = answer(&site, entrance, None, "/chat/x.txt", host, "");
        matches!(answer, Answer::Page(..))
    };
    assert!(is_page(TLS, "a.b"));
    assert!(!is_page(TLS, "c.d") && !is_page(PLAIN, "a.b") && !is_page(PLAIN, "a.b:443"));
}
