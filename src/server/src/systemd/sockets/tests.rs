//! Tests of taking sockets over. Since the environment and descriptors 3, 4, ... belong to the whole
//! process, each runs this test binary again as a child, which a shell gives its sockets.

use super::*;
use crate::systemd::inherited;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

/// What the child does instead of testing.
const CHILD: &str = "RINGSOCKET_TEST_ADOPT";

/// Adopts in a child process with up to two inherited descriptors, and returns what it said.
/// `environment` is in the shell's words; the fallback is what systemd sets.
fn adopt_in_child(fds: Vec<OwnedFd>, environment: &str, ports: &str) -> String {
    let count = fds.len();
    let mut fds = fds.into_iter();
    let mut stdio = || fds.next().map_or_else(Stdio::null, Stdio::from);
    let script = format!(
        "exec 3<&0 4<&2; export LISTEN_PID=$$ LISTEN_FDS={count} {environment}; \
         exec \"$0\" --exact --nocapture systemd::sockets::tests::child"
    );
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, ports)
        .env_remove("LISTEN_FDNAMES")
        .stdin(stdio())
        .stderr(stdio())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("adopt> ")).collect();
    assert!(output.status.success() && !said.is_empty(), "{text}");
    said.join("\n")
}

/// Not a test of its own: what the child processes of the tests below run.
#[test]
fn child() {
    let Ok(ports) = std::env::var(CHILD) else { return };
    let has_certs = ports.contains("certs");
    // An `s` behind the number: encrypted.
    let port = |number: &str| Port {
        port_number: number.trim_end_matches('s').parse().unwrap(),
        is_unencrypted: !number.ends_with('s'),
        proxy_protocol: false,
        client_certs: None,
        www_root: None,
        listen: Default::default(),
    };
    let numbers = ports.split_whitespace().filter(|word| *word != "certs");
    let ports: Vec<Port> = numbers.map(port).collect();
    let adopted = inherited::take().map_err(|error| error.to_string()).and_then(|inherited| {
        adopt(inherited, &ports, has_certs).map_err(|error| error.to_string())
    });
    let said = match adopted {
        Ok(adopted) => {
            let lines = adopted.listeners.iter().map(describe);
            let warnings = adopted.warnings.iter().map(|warning| format!("warning {warning}"));
            lines.chain(warnings).collect::<Vec<String>>().join("\n")
        }
        Err(error) => format!("error {error}"),
    };
    // The harness ends its line only after a test, so the first line needs one of its own.
    println!();
    said.lines().for_each(|line| println!("adopt> {line}"));
}

fn describe(listener: &Listener) -> String {
    let flags = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", listener.fd.as_raw_fd()));
    let flags = flags.unwrap();
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:\t")).unwrap();
    let flags = i32::from_str_radix(flags, 8).unwrap();
    let set = |flag| flags & flag != 0;
    format!(
        "{} name={:?} local={} port={:?} tls={} nonblock={} cloexec={}",
        listener.fd.as_raw_fd(),
        listener.name,
        listener.local,
        listener.port,
        listener.is_tls,
        set(libc::O_NONBLOCK),
        set(libc::O_CLOEXEC),
    )
}

fn tcp() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn sockets_are_adopted_with_their_names_in_order() {
    let (one, port) = tcp();
    let path = std::env::temp_dir().join(format!("ringsocket-adopt-{}.sock", std::process::id()));
    let two = UnixListener::bind(&path).unwrap();
    let said = adopt_in_child(vec![one.into(), two.into()], "LISTEN_FDNAMES=ws:local", "");
    std::fs::remove_file(&path).unwrap();
    let expected = format!(
        "3 name=\"ws\" local=127.0.0.1:{port} port=Some({port}) tls=false nonblock=true cloexec=true\n\
         4 name=\"local\" local={} port=None tls=false nonblock=true cloexec=true",
        path.display()
    );
    assert_eq!(said, expected);
}

#[test]
fn sockets_without_names_are_adopted_too() {
    let (one, first) = tcp();
    let two = TcpListener::bind("[::1]:0").unwrap();
    let second = two.local_addr().unwrap().port();
    let line = |fd, name, host, port| {
        format!(
            "{fd} name={name:?} local={host}:{port} port=Some({port}) tls=false nonblock=true \
             cloexec=true"
        )
    };
    let fds = || vec![one.try_clone().unwrap().into(), two.try_clone().unwrap().into()];
    let both = |name| line(3, name, "127.0.0.1", first) + "\n" + &line(4, "", "[::1]", second);
    assert_eq!(adopt_in_child(fds(), "", ""), both(""));
    assert_eq!(adopt_in_child(fds(), "LISTEN_FDNAMES=only", ""), both("only"));
}

#[test]
fn without_sockets_it_says_how_to_start() {
    let expected = "\
error no sockets were passed: ringsocket opens none itself but takes those of systemd.
As a service:          systemctl enable --now ringsocket.socket
From a shell, to try:  systemd-socket-activate -l 127.0.0.1:8080 ringsocket";
    assert_eq!(adopt_in_child(vec![], "", ""), expected);
    // Variables meant for another process are none of this one's business.
    let (one, _) = tcp();
    assert_eq!(adopt_in_child(vec![one.into()], "LISTEN_PID=1", ""), expected);
}

#[test]
fn everything_but_listening_stream_sockets_is_refused_by_number_and_name() {
    let (listener, _) = tcp();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let datagram = UnixDatagram::unbound().unwrap();
    let fds = vec![stream.into(), datagram.into()];
    let expected = "\
error socket 3 (FileDescriptorName=conn): this socket does not listen; write Accept=no in its unit
socket 4 (without FileDescriptorName=): this is no stream socket; write ListenStream= in its unit, \
not ListenDatagram=, ListenFIFO= or the like";
    assert_eq!(adopt_in_child(fds, "LISTEN_FDNAMES=conn", ""), expected);
    let file = std::fs::File::open("/dev/null").unwrap();
    let said = adopt_in_child(vec![file.into()], "LISTEN_FDNAMES=fifo", "");
    assert!(
        said.starts_with("error socket 3 (FileDescriptorName=fifo): this is no stream"),
        "{said}"
    );
}

#[test]
fn a_socket_named_wss_is_for_tls_and_needs_a_certificate() {
    let (one, port) = tcp();
    let fds = || vec![one.try_clone().unwrap().into()];
    let line = |name, tls| {
        format!(
            "3 name={name:?} local=127.0.0.1:{port} port=Some({port}) tls={tls} nonblock=true \
             cloexec=true"
        )
    };
    assert_eq!(adopt_in_child(fds(), "LISTEN_FDNAMES=wss", "certs"), line("wss", true));
    assert_eq!(adopt_in_child(fds(), "LISTEN_FDNAMES=ws", "certs"), line("ws", false));
    let expected = format!(
        "error socket 3 (FileDescriptorName=wss): its name asks for TLS on 127.0.0.1:{port}, but \
         there is no `certs` in the configuration; add \"certs\": [{{ \"hostnames\": \
         [\"example.com\"], \"privkey_path\": \"/path/to/key.pem\", \"pubchain_path\": \
         \"/path/to/chain.pem\" }}], or disable the unit of this socket: systemctl disable --now \
         ringsocket-tls.socket"
    );
    assert_eq!(adopt_in_child(fds(), "LISTEN_FDNAMES=wss", ""), expected);
}

#[test]
fn a_listed_port_says_itself_whether_it_is_encrypted_and_a_name_must_not_contradict() {
    let (one, port) = tcp();
    let fds = || vec![one.try_clone().unwrap().into()];
    for name in ["ws", "wss", "other"] {
        let said =
            adopt_in_child(fds(), &format!("LISTEN_FDNAMES={name}"), &format!("certs {port}s"));
        assert!(said.contains(" tls=true "), "{said}");
    }
    let said = adopt_in_child(fds(), "LISTEN_FDNAMES=other", &format!("certs {port}"));
    assert!(said.contains(" tls=false "), "{said}");
    let other = if port == 1 { 2 } else { 1 };
    let said = adopt_in_child(fds(), "LISTEN_FDNAMES=wss", &format!("certs {other}s {port}"));
    let expected = format!(
        "error socket 3 (FileDescriptorName=wss): its name asks for TLS on 127.0.0.1:{port}, but \
         \"is_unencrypted\": true in ports[1] of the configuration does not; take that out, or \
         write FileDescriptorName=ws in the unit of this socket"
    );
    assert_eq!(said, expected);
    let said = adopt_in_child(fds(), "LISTEN_FDNAMES=wss", &format!("certs {other}s"));
    assert!(said.ends_with(&format!(
        "does not list {port}; add {{ \"port_number\": {port} }}, or leave `ports` out to serve every \
         socket"
    )));
    let said = adopt_in_child(fds(), "", &format!("certs {other}s {port}s"));
    assert!(said.contains(&format!("port {other} is configured, but no socket")), "{said}");
}

#[test]
fn sockets_and_configured_ports_must_meet() {
    let (one, port) = tcp();
    let other = if port == 1 { 2 } else { 1 };
    let fds = || vec![one.try_clone().unwrap().into()];
    let expected = format!(
        "error socket 3 (FileDescriptorName=ws): it listens on 127.0.0.1:{port}, but `ports` of the \
         configuration does not list {port}; add {{ \"port_number\": {port}, \"is_unencrypted\": true \
         }}, or leave `ports` out to serve every socket"
    );
    assert_eq!(adopt_in_child(fds(), "LISTEN_FDNAMES=ws", &other.to_string()), expected);
    let said = adopt_in_child(fds(), "LISTEN_FDNAMES=ws", &format!("{other} {port}"));
    let expected = format!(
        "3 name=\"ws\" local=127.0.0.1:{port} port=Some({port}) tls=false nonblock=true cloexec=true\n\
         warning port {other} is configured, but no socket for it was passed; run systemctl \
         daemon-reload && systemctl restart ringsocket.socket, or take the port out of the \
         configuration (\"ringsocket check\" says which lines of units stand against it)"
    );
    assert_eq!(said, expected);
}

#[test]
fn variables_that_make_no_sense_are_named() {
    let (one, _) = tcp();
    let said = adopt_in_child(vec![one.into()], "LISTEN_FDS=many", "");
    assert!(said.starts_with("error the variables LISTEN_PID, LISTEN_FDS"), "{said}");
}
