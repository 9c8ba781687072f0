//! What is said of units that do not fit, down to the line, by what systemctl(1) printed.

use super::*;
use crate::config::{Surroundings, parse};

const SOURCE: &str = "/etc/ringsocket.json";
const UNIT: &str = "/lib/systemd/system/ringsocket.socket";
const OVERRIDE: &str = "/etc/systemd/system/ringsocket.socket.d/override.conf";

fn config(ports: &str) -> Config {
    let around = Surroundings {
        cores: 4,
        nofile: None,
        apps_dir: "/nonexistent".into(),
        fixed: None,
        heir_c: 0,
    };
    let text = format!(
        r#"{{ "worker_c": 2, "apps": [{{ "name": "a", "app_path": "/a.so" }}],
             "certs": [{{ "hostnames": ["a.b"], "privkey_path": "/k", "pubchain_path": "/c" }}]
             {ports} }}"#
    );
    match parse("c.json", &text, &around) {
        Ok(loaded) => loaded.config,
        Err(report) => panic!("{report}"),
    }
}

/// A machine whose generator has run for a configuration, and whose other files are these.
fn said(config: &Config, made_for: &Config, files: &[(&str, &str)], shown: &str) -> String {
    let source = Path::new(SOURCE);
    let made = match made_for.sockets().count() {
        0 => Vec::new(),
        _ => units::units(&made_for.sockets(), source, true),
    };
    let read = |path: &Path| {
        let name = path.to_str().unwrap();
        let drop_in =
            |unit: &&units::Unit| name == format!("{GENERATED}/{}.d/{DROP_IN}", unit.name);
        let given = files.iter().find(|(path, _)| *path == name).map(|(_, text)| *text);
        let generated = || made.iter().find(drop_in).map(|unit| unit.drop_in.as_str());
        let ipv6 = (name == units::IF_INET6).then_some("");
        given.or_else(generated).or(ipv6).map(str::to_owned)
    };
    let found = misfits(config, source, &installed::parse(shown), &read);
    found.iter().map(ToString::to_string).collect()
}

/// What `systemctl show` prints of the plain unit, with the drop-in of the generator and these.
fn shown(listen: &[&str], name: &str, drop_ins: &str) -> String {
    let listen: String = listen.iter().map(|addr| format!("Listen={addr} (Stream)\n")).collect();
    format!(
        "{listen}FileDescriptorName={name}\nId=ringsocket.socket\nActiveState=active\n\
         FragmentPath={UNIT}\nDropInPaths={GENERATED}/ringsocket.socket.d/{DROP_IN} {drop_ins}\n\
         NeedDaemonReload=no\n"
    )
}

const PORT_80: &str =
    r#", "ports": [{ "port_number": 80, "is_unencrypted": true, "ipv4only": true }]"#;
const TWICE_80: [&str; 2] = ["0.0.0.0:80", "0.0.0.0:80"];

#[test]
fn units_that_fit_are_not_spoken_of() {
    let with = config(PORT_80);
    assert_eq!(said(&with, &with, &[], &shown(&TWICE_80, "ws", "")), "");
    let without = config("");
    assert_eq!(said(&without, &without, &[], &shown(&["127.0.0.1:8080"], "ws", "")), "");
    let inactive = shown(&TWICE_80, "ws", "").replace("=active", "=inactive");
    assert_eq!(said(&with, &with, &[], &inactive), "", "nothing is open, as was asked for");
    assert_eq!(said(&with, &with, &[], ""), "", "not even installed");
}

#[test]
fn units_that_are_older_than_the_configuration() {
    let (with, without) = (config(PORT_80), config(""));
    let units = shown(&TWICE_80, "ws", "");
    let redo = "\n  run systemctl daemon-reload && systemctl restart ringsocket.socket\n";
    let expected = |what| format!("ringsocket.socket: warning: {what}{redo}");
    assert_eq!(
        said(&with, &with, &[], &units.replace("Reload=no", "Reload=yes")),
        expected("its files have changed since systemd read them")
    );
    assert_eq!(
        said(&with, &without, &[], &units),
        expected("systemd has not been told of the `ports` of the configuration")
    );
    assert_eq!(
        said(&without, &with, &[], &units),
        expected("it has ports that the configuration no longer lists")
    );
    let other = config(&PORT_80.replace("80", "81"));
    let changed =
        "it was made from other `ports`, or for another number of workers, than there are now";
    assert_eq!(said(&with, &other, &[], &units), expected(changed));
    let mut more_workers = with.clone();
    more_workers.worker_c = 3;
    assert_eq!(said(&more_workers, &with, &[], &units), expected(changed));
    // Turned off, it has nothing to be late with.
    assert_eq!(said(&with, &without, &[(MASK, "")], &units), "");
}

#[test]
fn a_line_for_a_port_that_is_not_listed() {
    let with = config(PORT_80);
    let text = "# mine\n[Socket]\nListenStream = 8080\n";
    let mut listen = TWICE_80.to_vec();
    listen.extend(["[::]:8080", "[::]:8080"]);
    let said = said(&with, &with, &[(OVERRIDE, text)], &shown(&listen, "ws", OVERRIDE));
    let expected = format!(
        "{OVERRIDE}:3: warning: `ports` of the configuration does not list 8080, so the daemon refuses \
         to start\n  take this line out, or add {{ \"port_number\": 8080, \"is_unencrypted\": true }} \
         to `ports`; then run {REDO}\n"
    );
    assert_eq!(said, expected);
}

#[test]
fn a_line_that_takes_a_configured_port_away() {
    let with = config(PORT_80);
    let text = "[Socket]\nListenStream=\nListenStream=127.0.0.1:80\n";
    let units = shown(&["127.0.0.1:81"], "ws", OVERRIDE);
    let listed = config(
        r#", "ports": [{ "port_number": 80, "is_unencrypted": true }, { "port_number": 81 }]"#,
    );
    let said_of = said(&listed, &listed, &[(OVERRIDE, text)], &units);
    let expected = format!(
        "{OVERRIDE}:2: warning: port 80 is configured, and no open unit listens there: this line takes \
         away what was generated from `ports`\n  take it out, or add a ListenStream= for it; then run \
         {REDO}\n"
    );
    assert!(said_of.ends_with(&expected), "{said_of}");
    // Encrypted ones are another unit's, which is not open here.
    let both = config(
        r#", "ports": [{ "port_number": 80, "is_unencrypted": true, "ipv4only": true },
                       { "port_number": 443 }, { "unix_path": "/run/a", "unix_mode": "0666" }]"#,
    );
    let expected = |title| {
        format!(
            "ringsocket-tls.socket: warning: {title} is configured, and no open unit listens there\n  \
             run systemctl restart ringsocket.socket\n"
        )
    };
    let said_of = said(&both, &both, &[], &shown(&TWICE_80, "ws", ""));
    assert_eq!(said_of, expected("port 443") + &expected("/run/a"));
    assert_eq!(said(&with, &with, &[], &shown(&TWICE_80, "ws", "")), "");
}

#[test]
fn a_name_that_contradicts_the_configuration() {
    let with = config(PORT_80);
    let text = "[Socket]\nFileDescriptorName=wss\n";
    let said = said(&with, &with, &[(OVERRIDE, text)], &shown(&TWICE_80, "wss", OVERRIDE));
    let line = format!("{OVERRIDE}:2: warning: the name asks for TLS on 0.0.0.0:80, but");
    assert!(said.starts_with(&line), "{said}");
    assert!(said.ends_with("take that out, or write FileDescriptorName=ws here\n"), "{said}");
}

#[test]
fn sockets_that_are_not_one_for_each_worker() {
    let without = config("");
    let text = "[Socket]\nListenStream=127.0.0.1:80\nListenStream=127.0.0.1:80\n";
    let three = ["127.0.0.1:80"; 3];
    let units = shown(&three, "ws", OVERRIDE);
    let said_of = said(&without, &without, &[(OVERRIDE, text)], &units);
    let expected = format!(
        "{OVERRIDE}:2: warning: 127.0.0.1:80 has 3 sockets for 2 workers: some workers serve \
         several of them, and connections are not spread evenly\n  write ListenStream=127.0.0.1:80 \
         once for each worker, with ReusePort=yes, or leave it to `ports`; then run {REDO}\n"
    );
    assert_eq!(said_of, expected);
    let with = config(PORT_80);
    let said_of = said(&with, &with, &[(OVERRIDE, text)], &shown(&three[..1], "ws", OVERRIDE));
    assert!(said_of.contains("wait at the same socket"), "{said_of}");
}

#[test]
fn systemctl_is_read_as_it_prints() {
    let text = "Listen=/run/a b (Stream)\nListen=[::]:1 (Datagram)\nId=a.socket\nActiveState=failed\n\n\
                Id=b.socket\nActiveState=active\nFragmentPath=\nDropInPaths=\nNeedDaemonReload=yes\n";
    let units = installed::parse(text);
    let a = Unit { name: "a.socket".into(), listen: vec!["/run/a b".into()], ..Unit::default() };
    let b =
        Unit { name: "b.socket".into(), is_active: true, needs_reload: true, ..Unit::default() };
    assert_eq!(units, [a, b]);
}
