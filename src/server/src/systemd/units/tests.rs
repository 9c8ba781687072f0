//! Drop-ins by the letter, what systemd makes of them, and that nothing else can get into them.

use std::path::PathBuf;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::config::Surroundings;
use crate::config::tests::Folder;

const CERTS: &str =
    r#""certs": [{ "hostnames": ["a.b"], "privkey_path": "/k", "pubchain_path": "/c" }]"#;
const HEAD: &str = "# Made by ringsocket-generator from ringsocket.json, and anew by each \"systemctl daemon-reload\".\n\
     [Unit]\nSourcePath=/etc/ringsocket.json\n";
const NEVER: &str = "# The configuration has no port for this unit: it is never to listen.\n\
                     ConditionPathExists=!/\n";
const TAIL: &str = "NoDelay=yes\nBacklog=4096\nKeepAlive=yes\n";

fn sockets(text: &str) -> Option<Sockets> {
    let around = Surroundings {
        cores: 4,
        nofile: None,
        apps_dir: "/nonexistent".into(),
        fixed: None,
        heir_c: 0,
    };
    Sockets::parse("c.json", text, &around).ok().flatten()
}

/// Names and drop-ins for `ports` with two workers.
fn made(ports: &str, has_ipv6: bool) -> Vec<(String, String)> {
    let text = format!("{{ \"worker_c\": 2, {CERTS}, \"ports\": [{ports}] }}");
    let sockets = sockets(&text).expect(&text);
    let units = units(&sockets, Path::new("/etc/ringsocket.json"), has_ipv6);
    units.into_iter().map(|unit| (unit.name, unit.drop_in)).collect()
}

#[test]
fn one_plain_port() {
    let plain = format!(
        "{HEAD}\n[Socket]\nListenStream=\nListenStream=0.0.0.0:80\nListenStream=0.0.0.0:80\n\
         ListenStream=[::]:80\nListenStream=[::]:80\nReusePort=yes\nBindIPv6Only=ipv6-only\n\
         FileDescriptorName=ws\n{TAIL}"
    );
    let tls = format!("{HEAD}PartOf=ringsocket.socket\n{NEVER}");
    let expected = [(PLAIN.to_owned(), plain), (TLS.to_owned(), tls)];
    assert_eq!(made(r#"{ "port_number": 80, "is_unencrypted": true }"#, true), expected);
}

#[test]
fn encrypted_ports_alone_leave_the_plain_unit_without_a_port() {
    let plain = format!("{HEAD}Wants=ringsocket-tls.socket\n{NEVER}");
    let tls = format!(
        "{HEAD}PartOf=ringsocket.socket\n\n[Socket]\nListenStream=\nListenStream=127.0.0.1:443\n\
         ListenStream=127.0.0.1:443\nListenStream=[::1]:443\nListenStream=[::1]:443\n\
         ListenStream=0.0.0.0:444\nListenStream=0.0.0.0:444\nReusePort=yes\n\
         BindIPv6Only=ipv6-only\nFreeBind=yes\nFileDescriptorName=wss\n{TAIL}"
    );
    let expected = [(PLAIN.to_owned(), plain), (TLS.to_owned(), tls)];
    let ports = r#"{ "port_number": 443, "ip_addrs": ["127.0.0.1", "::1"] },
                   { "port_number": 444, "ipv4only": true }"#;
    assert_eq!(made(ports, true), expected);
}

#[test]
fn what_differs_within_a_unit_gets_a_unit_of_its_own() {
    let ports = r#"{ "port_number": 80, "is_unencrypted": true, "interface": "eth0" },
        { "port_number": 443, "ipv4_is_embedded_in_ipv6": true },
        { "unix_path": "/run/a", "is_unencrypted": true, "unix_group": "www-data" },
        { "unix_path": "/run/b", "unix_mode": "0666" }"#;
    let own = |name: &str, socket: &str| {
        let text = format!("{HEAD}ConditionPathExists=\n\n[Socket]\nListenStream=\n{socket}");
        (format!("ringsocket-port@{name}.socket"), text)
    };
    let names = "ringsocket-port@80.socket ringsocket-port@443.socket ringsocket-port@unix-1.socket \
                 ringsocket-port@unix-2.socket";
    let eth0 = format!(
        "ListenStream=0.0.0.0:80\nListenStream=0.0.0.0:80\nListenStream=[::]:80\n\
         ListenStream=[::]:80\nBindToDevice=eth0\nReusePort=yes\nBindIPv6Only=ipv6-only\n\
         FileDescriptorName=ws\n{TAIL}"
    );
    let dual = format!(
        "ListenStream=[::]:443\nListenStream=[::]:443\nReusePort=yes\nBindIPv6Only=both\n\
         FileDescriptorName=wss\n{TAIL}"
    );
    let expected = [
        (PLAIN.to_owned(), format!("{HEAD}Wants={names}\n{NEVER}")),
        (TLS.to_owned(), format!("{HEAD}PartOf=ringsocket.socket\n{NEVER}")),
        own("80", &eth0),
        own("443", &dual),
        own(
            "unix-1",
            "ListenStream=/run/a\nSocketMode=0660\nSocketGroup=www-data\nRemoveOnStop=yes\n\
             FileDescriptorName=ws\nBacklog=4096\n",
        ),
        own(
            "unix-2",
            "ListenStream=/run/b\nSocketMode=0666\nRemoveOnStop=yes\nFileDescriptorName=wss\n\
             Backlog=4096\n",
        ),
    ];
    assert_eq!(made(ports, true), expected);
}

#[test]
fn a_machine_without_ipv6_listens_on_the_rest() {
    let lines = |ports: &str| {
        let made = made(ports, false);
        let lines = made[0].1.lines().filter(|line| {
            line.starts_with("ListenStream=[") || line.starts_with("ListenStream=0")
        });
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let v4 = ["ListenStream=0.0.0.0:80", "ListenStream=0.0.0.0:80"];
    assert_eq!(lines(r#"{ "port_number": 80, "is_unencrypted": true }"#), v4);
    let dual = r#"{ "port_number": 80, "is_unencrypted": true, "ipv4_is_embedded_in_ipv6": true }"#;
    assert_eq!(lines(dual), v4);
    let v6 = r#"{ "port_number": 80, "is_unencrypted": true, "ipv6only": true }"#;
    assert_eq!(lines(v6), ["ListenStream=[::]:80", "ListenStream=[::]:80"]);
}

#[test]
fn one_worker_shares_its_port_with_nobody() {
    let text = r#"{ "worker_c": 1, "ports": [{ "port_number": 80, "is_unencrypted": true }] }"#;
    let made = units(&sockets(text).unwrap(), Path::new("/a b"), true);
    assert!(!made[0].drop_in.contains("ReusePort") && !made[0].drop_in.contains("SourcePath"));
    assert_eq!(made[0].drop_in.matches("ListenStream=0.0.0.0:80\n").count(), 1);
}

/// Texts that would do harm in a unit file, among others that are fine.
fn hostile() -> impl Strategy<Value = String> {
    let fixed = [
        "eth0",
        "/run/a.sock",
        "www-data",
        "0660",
        "::1",
        "127.0.0.1",
        "fe80::1",
        "\n",
        "\r",
        "%i",
        "\"",
        "'",
        "\\",
        " ",
        "#",
        ";",
        "=",
        "\nListenStream=1",
        "[Service]\nExecStart=/x",
        "\0",
        "/",
    ];
    let piece = proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned);
    proptest::collection::vec(prop_oneof![4 => piece, 1 => ".{0,3}"], 0..3).prop_map(|v| v.concat())
}

/// An element of `ports`, mostly one that is accepted.
fn port() -> impl Strategy<Value = String> {
    let addrs = ["127.0.0.1", "10.1.2.3", "::1", "2001:db8::7", "0.0.0.0", "::", "fe80::2"];
    let addrs = proptest::sample::subsequence(addrs.to_vec(), 1..=3);
    let key = prop_oneof![
        3 => addrs.prop_map(|addrs| format!(r#", "ip_addrs": {addrs:?}"#)),
        1 => hostile().prop_map(|text| format!(r#", "ip_addrs": [{}]"#, json(&text))),
        2 => Just(r#", "interface": "lo""#.to_owned()),
        1 => hostile().prop_map(|text| format!(r#", "interface": {}"#, json(&text))),
        1 => Just(r#", "ipv4only": true"#.to_owned()),
        1 => Just(r#", "ipv6only": true"#.to_owned()),
        1 => Just(r#", "ipv4_is_embedded_in_ipv6": true"#.to_owned()),
        4 => Just(String::new()),
    ];
    let tcp = (1..=65535u16, any::<bool>(), key).prop_map(|(number, is_unencrypted, key)| {
        format!(r#"{{ "port_number": {number}, "is_unencrypted": {is_unencrypted}{key} }}"#)
    });
    let path = prop_oneof![3 => "/run/[a-z0-9._@+,:~-]{1,90}", 1 => hostile()];
    let group = prop_oneof![3 => Just("root".to_owned()), 1 => hostile()];
    let unix = (path, any::<bool>(), 0..=0o777u16, group).prop_map(|(path, plain, mode, group)| {
        let (path, group) = (json(&path), json(&group));
        format!(
            r#"{{ "unix_path": {path}, "is_unencrypted": {plain}, "unix_mode": "{mode:04o}",
                  "unix_group": {group} }}"#
        )
    });
    prop_oneof![3 => tcp, 1 => unix]
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// What is listened on according to drop-ins, each address with how often it stands there, and the
/// unit's name and interface.
fn read_back(units: &[Unit]) -> Vec<String> {
    let keys =
        ["Wants", "PartOf", "SourcePath", "ConditionPathExists", "ListenStream", "SocketMode"];
    let more = ["SocketGroup", "RemoveOnStop", "FileDescriptorName", "Backlog", "BindToDevice"];
    let rest = ["ReusePort", "BindIPv6Only", "FreeBind", "NoDelay", "KeepAlive"];
    let mut found = Vec::new();
    for unit in units {
        let value = |key: &str| {
            let line = unit.drop_in.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
            line.unwrap_or("").to_owned()
        };
        for line in unit.drop_in.lines() {
            if line.is_empty() || line.starts_with('#') || ["[Unit]", "[Socket]"].contains(&line) {
                continue;
            }
            let (key, listened) = line.split_once('=').expect(line);
            assert!(keys.iter().chain(&more).chain(&rest).any(|known| *known == key), "{line}");
            let harmless = |c: char| c.is_ascii_graphic() && !"%\"'\\#;".contains(c) || c == ' ';
            assert!(line.chars().all(harmless), "{line:?}");
            if key == "ListenStream" && !listened.is_empty() {
                let (name, device) = (value("FileDescriptorName"), value("BindToDevice"));
                let (dual, mode) = (value("BindIPv6Only") == "both", value("SocketMode"));
                let group = value("SocketGroup");
                found.push(format!("{listened} {name} {device} {dual} {mode} {group}"));
            }
        }
    }
    found.sort();
    found
}

/// The same by the configuration.
fn wanted(sockets: &Sockets) -> Vec<String> {
    let name = |is_unencrypted| if is_unencrypted { "ws" } else { "wss" };
    let mut wanted = Vec::new();
    for port in &sockets.ports {
        for addr in &port.listen.addrs {
            let addr = SocketAddr::new(*addr, port.port_number);
            let device = port.listen.interface.as_deref().unwrap_or("");
            let line =
                format!("{addr} {} {device} {}  ", name(port.is_unencrypted), port.listen.is_dual);
            wanted.extend(std::iter::repeat_n(line, sockets.worker_c));
        }
    }
    for unix in &sockets.unix_sockets {
        let (name, group) = (name(unix.is_unencrypted), unix.group.as_deref().unwrap_or(""));
        wanted.push(format!("{} {name}  false {:04o} {group}", unix.path, unix.mode));
    }
    wanted.sort();
    wanted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_accepted_is_what_the_units_say(
        ports in proptest::collection::vec(port(), 1..6), worker_c in 1..5u8,
    ) {
        let text = format!(
            r#"{{ "worker_c": {worker_c}, {CERTS}, "ports": [{}] }}"#, ports.join(",")
        );
        if let Some(sockets) = sockets(&text) {
            let units = units(&sockets, Path::new("/etc/ringsocket.json"), true);
            prop_assert_eq!(read_back(&units), wanted(&sockets), "{}", text);
        }
    }
}

/// Says what systemd has against these units, with the shipped ones below them.
fn verify(units: &[Unit]) -> Option<String> {
    let folder = Folder::new("verify");
    let shipped = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../systemd"));
    for entry in std::fs::read_dir(&shipped).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            // The programs need not be installed here.
            let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("Exec")).collect();
            let text = text.join("\n").replace("[Service]", "[Service]\nExecStart=/bin/true");
            folder.file(entry.file_name().to_str().unwrap(), text.as_bytes());
        }
    }
    let mut command = Command::new("systemd-analyze");
    command.env("SYSTEMD_UNIT_PATH", format!("{}:", folder.path().display()));
    command.env("LC_ALL", "C").args(["verify", "--man=no"]);
    for unit in units {
        folder.file(&format!("{}.d/{DROP_IN}", unit.name), unit.drop_in.as_bytes());
        command.arg(&unit.name);
    }
    let done = match command.output() {
        Ok(done) => done,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("there is no systemd-analyze here");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("ringsocket")).collect();
    Some(format!("{}{}", done.status.success(), about_ours.concat()))
}

#[test]
fn systemd_has_nothing_against_any_of_it() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut accepted = Vec::new();
    while accepted.len() < 24 {
        let strategy = proptest::collection::vec(port(), 1..6);
        let ports = strategy.new_tree(&mut runner).unwrap().current();
        let text = format!(r#"{{ "worker_c": 2, {CERTS}, "ports": [{}] }}"#, ports.join(","));
        accepted.extend(sockets(&text));
    }
    for sockets in accepted {
        let units = units(&sockets, Path::new("/etc/ringsocket.json"), true);
        let said = verify(&units).unwrap_or("true".into());
        assert_eq!(said, "true", "{units:#?}");
    }
    // The test itself would see what is wrong.
    let bad = [Unit { name: PLAIN.into(), drop_in: "[Socket]\nListenStream=\n".into() }];
    assert_ne!(verify(&bad).unwrap_or("false".into()), "true");
}
