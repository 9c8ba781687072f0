//! Tests of whole configurations: what a file becomes, and the exact words about a bad one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

mod bad_files;
mod check;
mod example;
mod fixed;
mod folder;
mod front;
mod listen;
mod manual;
mod schema;
mod secure;
mod unix;

/// A folder of a test, removed with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(title: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringsocket-{title}-{}-{number}", std::process::id());
        // Without links, as the code under test shows some paths in that form.
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn around(apps_dir: &Path) -> Surroundings {
    Surroundings { cores: 8, nofile: None, apps_dir: apps_dir.to_owned(), fixed: None, heir_c: 0 }
}

/// Surroundings without any app.
fn nowhere() -> Surroundings {
    around(Path::new("/nonexistent/apps"))
}

fn accepted(text: &str) -> Config {
    match parse("c.json", text, &nowhere()) {
        Ok(loaded) => loaded.config,
        Err(report) => panic!("{report}"),
    }
}

/// What is said about a configuration, errors or warnings. The apps' files are never there, which
/// is not what these tests are about.
fn said(text: &str) -> String {
    let mut report = match parse("c.json", text, &nowhere()) {
        Ok(loaded) => loaded.warnings,
        Err(report) => report,
    };
    report.issues.retain(|issue| !issue.what.starts_with("there is no file"));
    report.to_string()
}

const ECHO: &str = r#""apps": [{ "name": "echo", "app_path": "/x/echo.so" }]"#;

#[test]
fn built_in_defaults_serve_the_folder() {
    let dir = Folder::new("defaults");
    dir.file("libecho.so", b"");
    dir.file("chat.so", b"");
    let source = Source { path: "/nonexistent/ringsocket.json".into(), explicit: false };
    let Loaded { config, warnings } = load(&source, &around(dir.path())).unwrap();
    assert_eq!(warnings.to_string(), "");
    assert_eq!(config.log_level, log::Level::Notice);
    assert_eq!(config.worker_c, 6, "as many as cores without an app");
    assert_eq!(config.ports, []);
    let seconds = Duration::from_secs;
    let waits = Waits {
        http_head: seconds(10),
        upgrade: seconds(10),
        shutdown_wait_http: seconds(15),
        shutdown_wait_ws: seconds(30),
        stop: seconds(20),
        write_stall: seconds(30),
        drain: seconds(60),
        init: seconds(10),
        ping: Some(seconds(30)),
        pong: seconds(20),
    };
    assert_eq!(config.waits, waits);
    let limits = Limits {
        max_ws_msg_size: 16_777_216,
        max_ws_frame_chain_size: 18_454_937,
        max_backpressure: 1 << 20,
        max_http_head_size: 8192,
        max_http_header_c: 64,
        fd_alloc_c: 4096,
        inbound_ring_buf_size: 1 << 20,
        outbound_ring_buf_size: 1 << 20,
        inbound_block_budget: 1 << 20,
        outbound_block_budget: 64 << 20,
        partial_budget: 256 << 20,
        worker_rbuf_size: 260 << 10,
        epoll_buf_elem_c: 100,
        max_ws_frame_size: 16_777_216,
        max_ws_fragment_c: 131_072,
        max_topics_per_client: 64,
        max_topics_per_app: 1_000_000,
        max_ws_msg_rate: None,
        max_ws_byte_rate: None,
        max_conn_c_per_addr: NonZeroU64::new(1024),
        max_handshake_rate_per_addr: NonZeroU64::new(200),
        max_tls_handshake_c: 4096,
    };
    assert_eq!(config.limits, limits);
    let endpoint = |path: &str| Endpoint {
        endpoint_id: 0,
        url: EndpointUrl { authority: None, path: path.into(), encrypted: None },
        allowed_origins: vec![],
        www_root: None,
    };
    let app = |name: &str, file| App {
        name: name.into(),
        path: dir.path().join(file),
        threads: Threads::Auto,
        endpoints: vec![endpoint(&format!("/{name}"))],
    };
    assert_eq!(config.apps, [app("chat", "chat.so"), app("echo", "libecho.so")]);
}

/// A configuration that has every key, and pages at `www`.
fn with_every_key(www: &Path) -> String {
    let www = www.display();
    format!(
        r#"// RingSocket
        {{
          "log_level": "debug", "worker_c": 3, /* few */
          "ports": [
            {{ "port_number": 80, "is_unencrypted": true }},
            {{ "port_number": 8080, "is_unencrypted": true, "www_root": "{www}",
              "proxy_protocol": true }},
          ],
          "apps": [{{
            "name": "Chat.v2-b_1", "app_path": "/opt/chat.so", "threads": "own",
            "endpoints": [
              {{ "endpoint_id": 0, "url": "ws://Example.com/Chat",
                 "allowed_origins": ["https://Example.com", "http://a:80"] }},
              {{ "endpoint_id": 65535, "url": "ws://example.com:8080/Chat", "www_root": "{www}" }},
              {{ "endpoint_id": 7, "url": "/other" }}
            ]
          }}],
          "shutdown_wait_http": 1, "shutdown_wait_ws": 2, "http_head_wait": 3, "stop_wait": 4,
          "upgrade_wait": 7,
          "write_stall_wait": 5, "fd_alloc_c": 6, "max_ws_msg_size": 1000,
          "max_ws_frame_chain_size": 1014, "max_backpressure": 4096, "max_http_head_size": 512,
          "max_http_header_c": 8, "inbound_ring_buf_size": 65536, "outbound_ring_buf_size": 131072,
          "inbound_block_budget": 65536, "outbound_block_budget": 65537, "partial_budget": 65538, "worker_rbuf_size": 4096,
          "epoll_buf_elem_c": 1, "ping_wait": 0, "pong_wait": 6, "max_ws_frame_size": 900,
          "max_ws_fragment_c": 10, "max_ws_msg_rate": 11, "max_ws_byte_rate": 12,
          "max_conn_c_per_addr": 13, "max_handshake_rate_per_addr": 14,
          "max_topics_per_client": 15, "max_topics_per_app": 16, "max_tls_handshake_c": 17,
          "trusted_proxies": ["192.0.2.7"],
        }}"#
    )
}

#[test]
fn every_key_reaches_the_configuration() {
    let dir = Folder::new("full");
    let config = accepted(&with_every_key(dir.path()));
    assert_eq!((config.log_level, config.worker_c), (log::Level::Debug, 3));
    let port = |port_number, proxy_protocol, www_root| Port {
        port_number,
        is_unencrypted: true,
        proxy_protocol,
        client_certs: None,
        www_root,
        listen: Listen::default(),
    };
    assert_eq!(config.ports, [port(80, false, None), port(8080, true, Some(dir.path().into()))]);
    assert_eq!(config.www_roots(), [dir.path()]);
    assert_eq!(config.apps[0].threads, Threads::Own);
    let app = &config.apps[0];
    assert_eq!((app.name.as_str(), app.path.as_path()), ("Chat.v2-b_1", Path::new("/opt/chat.so")));
    assert_eq!(
        app.endpoints[0],
        Endpoint {
            endpoint_id: 0,
            url: EndpointUrl {
                authority: Some(("example.com".into(), 80)),
                path: "/Chat".into(),
                encrypted: Some(false),
            },
            allowed_origins: vec!["https://example.com".into(), "http://a".into()],
            www_root: None,
        }
    );
    assert_eq!(app.endpoints[1].endpoint_id, 65535);
    assert_eq!(app.endpoints[1].url.authority, Some(("example.com".into(), 8080)));
    assert_eq!(app.endpoints[1].www_root.as_deref(), Some(dir.path()));
    assert_eq!(app.endpoints[2].url.authority, None);
    let waits = config.waits;
    let waits = [
        waits.shutdown_wait_http,
        waits.shutdown_wait_ws,
        waits.http_head,
        waits.stop,
        waits.write_stall,
        waits.pong,
        waits.upgrade,
    ];
    assert_eq!(waits.map(|wait| wait.as_secs()), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(config.waits.ping, None);
    let limits = Limits {
        max_ws_msg_size: 1000,
        max_ws_frame_chain_size: 1014,
        max_backpressure: 4096,
        max_http_head_size: 512,
        max_http_header_c: 8,
        fd_alloc_c: 6,
        inbound_ring_buf_size: 65_536,
        outbound_ring_buf_size: 131_072,
        inbound_block_budget: 65_536,
        outbound_block_budget: 65_537,
        partial_budget: 65_538,
        worker_rbuf_size: 4096,
        epoll_buf_elem_c: 1,
        max_ws_frame_size: 900,
        max_ws_fragment_c: 10,
        max_topics_per_client: 15,
        max_topics_per_app: 16,
        max_ws_msg_rate: NonZeroU64::new(11),
        max_ws_byte_rate: NonZeroU64::new(12),
        max_conn_c_per_addr: NonZeroU64::new(13),
        max_handshake_rate_per_addr: NonZeroU64::new(14),
        max_tls_handshake_c: 17,
    };
    assert_eq!(config.limits, limits);
}

#[test]
fn endpoints_that_meet_are_refused_and_others_are_not() {
    let with = |first: &str, second: &str| {
        format!(
            r#"{{ "apps": [
              {{ "name": "a", "app_path": "/a", "endpoints": [{{ "endpoint_id": 0, "url": "{first}" }}] }},
              {{ "name": "b", "app_path": "/b", "endpoints": [{{ "endpoint_id": 0, "url": "{second}" }}] }}
            ] }}"#
        )
    };
    let meets = "error: a request for this URL could also be for apps[0].endpoints[0]";
    for (first, second) in
        [("/x", "/x"), ("ws://h/x", "/x"), ("/x", "wss://h/x"), ("ws://h/x", "ws://H:80/x")]
    {
        let said = said(&with(first, second));
        assert!(said.starts_with("c.json:3:") && said.contains(meets), "{said}");
    }
    for (first, second) in
        [("/x", "/X"), ("/x", "/x/"), ("ws://h/x", "ws://i/x"), ("ws://h/x", "ws://h:81/x")]
    {
        assert_eq!(said(&with(first, second)), "", "{first} {second}");
    }
    for (first, second) in [("wss://h/x", "wss://i/x"), ("ws://h:81/x", "wss://h:81/x")] {
        let said = said(&with(first, second)); // there is no `certs`
        assert!(!said.contains(meets), "{said}");
    }
    let twice = r#"{ "apps": [{ "name": "a", "app_path": "/a", "endpoints": [
        { "endpoint_id": 4, "url": "/x" }, { "endpoint_id": 4, "url": "/y" } ] }] }"#;
    assert!(said(twice).contains("error: endpoints[0] of this app has the same `endpoint_id`"));
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_in_its_order() {
    let text = r#"{
  "wroker_c": 2,
  "log_level": 3,
  "stop_wait": "long",
  "ports": [{ "port_number": "80", "is_unencrypted": true }],
  "apps": [{ "name": "a", "app_path": "/a",
    "endpoints": [{ "endpoint_id": -1, "url": "/a", "allowed_origins": ["*", 5] }] }],
  "realloc_multiplier": 2.5,
  "max_ws_msg_size": 0
}"#;
    let said = said(text);
    let heads: Vec<&str> = said.lines().filter(|line| line.starts_with("c.json:")).collect();
    let expected = [
        "c.json:2:3: error: unknown key \"wroker_c\" in the configuration",
        "c.json:3:16: error: `log_level` must be \"error\", \"warning\", \"notice\", \"info\" or \
         \"debug\", not 3",
        "c.json:4:16: error: `stop_wait` must be a whole number from 1 to 86400 seconds, not the \
         string \"long\"",
        "c.json:5:30: error: `port_number` must be a whole number from 1 to 65535, not the string \
         \"80\"",
        "c.json:7:36: error: `endpoint_id` must be a whole number from 0 to 65535, not -1",
        "c.json:7:78: error: `allowed_origins` must be an array of strings, as in \
         [\"https://example.com\"]; this element is 5",
        "c.json:8:3: warning: `realloc_multiplier` does nothing here: buffers grow by themselves, \
         up to their limits",
        "c.json:9:22: error: `max_ws_msg_size` must be a whole number from 1 to 1073741824 bytes, \
         not 0",
    ];
    assert_eq!(heads, expected);
}

#[test]
fn keys_of_the_original_that_do_nothing_are_only_warned_about() {
    let text = r#"{
  "update_queue_size": 5, "owrefs_elem_c": null,
  "ports": [{ "port_number": 80, "is_unencrypted": true }],
  "apps": [{ "name": "a", "app_path": "/a", "no_open_cb": "true",
    "endpoints": [{ "endpoint_id": 0, "url": "ws://h/a", "allowed_origins": [] }] }]
}"#;
    assert!(!parse("c.json", text, &nowhere()).unwrap().warnings.has_errors());
    let said = said(text);
    let heads: Vec<&str> = said.lines().filter(|line| line.starts_with("c.json:")).collect();
    let expected = [
        "c.json:2:3: warning: `update_queue_size` does nothing here: the rings publish with \
         release and acquire ordering and need no queue of updates",
        "c.json:2:27: warning: `owrefs_elem_c` does nothing here: a worker hands every outbound \
         message on before it releases the ring",
        "c.json:4:45: warning: `no_open_cb` does nothing here: the daemon sees by itself which \
         callbacks an app leaves out",
        "c.json:5:77: warning: an empty `allowed_origins` lets every origin in",
    ];
    assert_eq!(heads, expected);
}

#[test]
fn an_app_whose_file_is_missing_does_not_keep_the_others_from_running() {
    let loaded = parse("c.json", &format!("{{ {ECHO} }}"), &nowhere()).unwrap();
    let expected = format!(
        "c.json:1:42: warning: there is no file /x/echo.so: this app will not be served\n\
         1 | {{ {ECHO} }}\n  | {}^^^^^^^^^^^^\n  install the app, or correct the path\n",
        " ".repeat(41)
    );
    assert_eq!(loaded.warnings.to_string(), expected);
}

#[test]
fn an_origin_with_a_path_is_compared_without_it() {
    let text = r#"{ "apps": [{ "name": "a", "app_path": "/a", "endpoints": [
  { "endpoint_id": 0, "url": "/a", "allowed_origins": ["https://b.c/foo"] } ] }] }"#;
    let loaded = parse("c.json", text, &nowhere()).unwrap();
    assert_eq!(loaded.config.apps[0].endpoints[0].allowed_origins, ["https://b.c"]);
    assert!(said(text).contains("c.json:2:56: warning: an origin has no path"));
    assert!(said(text).contains("  write \"https://b.c\"\n"));
}

#[test]
fn the_origin_null_is_taken_with_a_warning() {
    let text = r#"{ "apps": [{ "name": "a", "app_path": "/a", "endpoints": [
  { "endpoint_id": 0, "url": "/a", "allowed_origins": ["null"] } ] }] }"#;
    let loaded = parse("c.json", text, &nowhere()).unwrap();
    assert_eq!(loaded.config.apps[0].endpoints[0].allowed_origins, ["null"]);
    assert!(said(text).contains("c.json:2:56: warning: any page can take the origin null"));
}

#[test]
fn connections_must_fit_the_limit_of_open_files() {
    let text = |fd_alloc_c: &str| format!("{{ {ECHO}, \"worker_c\": 2 {fd_alloc_c} }}");
    let check = |fd_alloc_c: &str, nofile| {
        let around = Surroundings { nofile: Some(nofile), ..nowhere() };
        parse("c.json", &text(fd_alloc_c), &around)
    };
    let words = |report: &Report| {
        let issues = report.issues.iter().filter(|issue| !issue.what.starts_with("there is no"));
        issues.map(|i| (i.what.clone(), i.instead.clone().unwrap())).collect::<Vec<_>>()
    };
    let limit = |nofile| {
        format!(
            "this process may open only {nofile} files, of which 74 serve other purposes than \
             connections"
        )
    };
    let exact = check("", 4096 + 74).unwrap();
    assert_eq!((exact.config.limits.fd_alloc_c, words(&exact.warnings)), (4096, vec![]));
    let lowered = check("", 1024).unwrap();
    assert_eq!(lowered.config.limits.fd_alloc_c, 950);
    let expected = (
        format!("at most 950 connections will be taken: {}", limit(1024)),
        "for 4096 connections, set LimitNOFILE=4170 in ringsocket.service".to_owned(),
    );
    assert_eq!(words(&lowered.warnings), [expected]);
    let refused = check(", \"fd_alloc_c\": 951", 1024).unwrap_err();
    let expected = (
        format!("`fd_alloc_c` (951) is out of reach: {}", limit(1024)),
        "set LimitNOFILE=1025 in ringsocket.service, or write at most 950".to_owned(),
    );
    assert_eq!(words(&refused), [expected]);
    assert!(check(", \"fd_alloc_c\": 950", 1024).is_ok());
    assert!(words(&check("", 74).unwrap_err())[0].0 == limit(74));
}

#[test]
fn a_stop_longer_than_systemds_patience_is_warned_about() {
    let said = |stop_wait| said(&format!("{{ {ECHO}, \"stop_wait\": {stop_wait} }}"));
    assert_eq!(said(25), "");
    let said = said(26);
    assert!(said.contains("systemd kills a service whose stop takes longer"), "{said}");
    assert!(said.contains("TimeoutStopSec=36"), "{said}");
}

#[test]
fn workers_are_the_cores_that_no_app_takes() {
    let workers = |cores, given: &str| {
        let around = Surroundings { cores, ..nowhere() };
        parse("c.json", &format!("{{ {ECHO} {given} }}"), &around).unwrap().config.worker_c
    };
    assert_eq!([workers(1, ""), workers(2, ""), workers(8, "")], [1, 1, 7]);
    assert_eq!(workers(1000, ""), 256);
    assert_eq!(workers(8, ", \"worker_c\": 2"), 2);
}

#[test]
fn defaults_follow_a_large_message() {
    let limits = accepted(&format!("{{ {ECHO}, \"max_ws_msg_size\": 1073741824 }}")).limits;
    assert_eq!(limits.max_ws_frame_chain_size, 1_181_116_006);
    assert_eq!(limits.inbound_block_budget, 1 << 20, "one has room alone");
    assert_eq!(limits.outbound_block_budget, 1_073_741_824);
    let limits = accepted(&format!("{{ {ECHO}, \"max_ws_msg_size\": 1 }}")).limits;
    assert_eq!(limits.max_ws_frame_chain_size, 1025);
}

#[test]
fn files_that_cannot_be_read_as_text() {
    let dir = Folder::new("unreadable");
    let report = |name: &str, explicit| {
        let source = Source { path: dir.path().join(name), explicit };
        load(&source, &nowhere()).unwrap_err().to_string()
    };
    let shown = |name: &str| dir.path().join(name).display().to_string();
    assert!(report("none.json", true).starts_with(&format!(
        "{}: error: cannot read: No such file or directory",
        shown("none.json")
    )));
    assert!(report("", false).contains("error: cannot read: Is a directory"));
    dir.file("latin1.json", b"{\n  \"log_level\": \"\xe4\" }");
    let expected = format!("{}:2:17: error: this byte is no UTF-8\n", shown("latin1.json"));
    assert!(report("latin1.json", true).starts_with(&expected), "{}", report("latin1.json", true));
    dir.file("large.json", &vec![b' '; MAX_FILE_SIZE + 1]);
    assert!(report("large.json", true).contains("error: the file is larger than 1048576 bytes"));
    dir.file("empty.json", b" // nothing\n");
    assert!(report("empty.json", true).contains("error: the file is empty"));
}

#[test]
fn a_quoted_value_can_neither_forge_a_line_nor_reach_the_terminal() {
    let odd = r"/x\nc.json: error: forged\u001b[31m\u0000";
    let path = parse(
        "c.json",
        &format!(r#"{{ "apps": [{{ "name": "echo", "app_path": "{odd}" }}] }}"#),
        &nowhere(),
    );
    let origin =
        ECHO.replace('}', r#", "endpoints": [{ "endpoint_id": 0, "url": "http://ODD" }] }"#);
    let url = parse("c.json", &format!("{{ {} }}", origin.replace("ODD", odd)), &nowhere());
    for report in [path.unwrap_err(), url.unwrap_err()] {
        let shown = report.to_string();
        assert!(shown.contains("forged"), "{shown}");
        assert!(!shown.lines().any(|line| line.starts_with("c.json: error: forged")), "{shown}");
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
}

#[test]
fn hostile_text_never_panics() {
    let text = format!("{{ {ECHO}, \"worker_c\": 2, \"log_level\": \"ü\u{1b}\" }}");
    for end in 0..text.len() {
        let cut = String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned();
        let _ = parse("c.json", &cut, &nowhere());
        let _ = parse("c.json", &cut.replace(['{', '"'], "["), &nowhere());
    }
    let deep = "[".repeat(100_000);
    assert!(parse("c.json", &deep, &nowhere()).is_err());
    let deep = "{\"apps\":".repeat(100_000);
    assert!(parse("c.json", &deep, &nowhere()).is_err());
}
