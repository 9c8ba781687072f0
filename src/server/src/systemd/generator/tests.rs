//! The generator as systemd calls it, and what it may meet.

use super::*;
use crate::config::tests::Folder;

fn orders(folder: &Folder, config: &str) -> Orders {
    folder.file("ringsocket.json", config.as_bytes());
    let out = folder.path().join("normal");
    fs::create_dir_all(&out).unwrap();
    let apps_dir = Some(folder.path().join("apps"));
    Orders { config: folder.path().join("ringsocket.json"), apps_dir, normal_dir: out }
}

/// All files below a folder, by their paths within it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for unit in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if unit.file_type().unwrap().is_dir() {
            let name = unit.file_name().into_string().unwrap();
            for file in fs::read_dir(unit.path()).unwrap().map(Result::unwrap) {
                found.push(format!("{name}/{}", file.file_name().into_string().unwrap()));
            }
        }
    }
    found.sort();
    found
}

const PORTS: &str =
    r#"{ "worker_c": 2, "ports": [{ "port_number": 80, "is_unencrypted": true }] }"#;

#[test]
fn the_command_line_is_that_of_generators() {
    let parse = |line: &str| Orders::parse(line.split_whitespace().map(OsString::from));
    let expected = |config: &str, apps_dir: Option<&str>| {
        let apps_dir = apps_dir.map(PathBuf::from);
        Ok(Orders { config: config.into(), apps_dir, normal_dir: "/n".into() })
    };
    assert_eq!(parse("/n /e /l"), expected("/etc/ringsocket.json", None));
    assert_eq!(parse("/n"), expected("/etc/ringsocket.json", None));
    assert_eq!(parse("--config /c --apps /a /n /e /l"), expected("/c", Some("/a")));
    for bad in ["", "/n /e", "/n /e /l /x", "/n --config", "--apps"] {
        assert_eq!(parse(bad), Err(USAGE.to_owned()), "{bad}");
    }
}

#[test]
fn drop_ins_are_written_where_there_are_ports() {
    let folder = Folder::new("generator");
    let orders = orders(&folder, PORTS);
    assert!(run(&orders));
    let names = ["ringsocket-tls.socket.d/00-ports.conf", "ringsocket.socket.d/00-ports.conf"];
    assert_eq!(files(&orders.normal_dir), names);
    let text = fs::read_to_string(orders.normal_dir.join(names[1])).unwrap();
    assert_eq!(text.matches("ListenStream=0.0.0.0:80\n").count(), 2, "{text}");
}

#[test]
fn nothing_is_written_without_ports_or_without_a_file() {
    for config in ["{}", "// nothing\n{ \"worker_c\": 1 }"] {
        let folder = Folder::new("generator");
        let orders = orders(&folder, config);
        assert!(run(&orders), "{config}");
        assert_eq!(files(&orders.normal_dir), [""; 0]);
        fs::remove_file(&orders.config).unwrap();
        assert!(run(&orders));
    }
}

#[test]
fn a_file_that_cannot_be_used_is_told_of_and_nothing_written() {
    let port = r#"{ "port_number": 80, "is_unencrypted": true, "interface": "\n[Service]" }"#;
    for config in ["", "nonsense", "{ \"ports\": [", "{ \"ports\": [{}] }", port, "\u{1}{}"] {
        let folder = Folder::new("generator");
        let orders = orders(&folder, config);
        assert!(!run(&orders), "{config}");
        assert_eq!(files(&orders.normal_dir), [""; 0]);
    }
    let around =
        Surroundings { cores: 1, nofile: None, apps_dir: "/x".into(), fixed: None, heir_c: 0 };
    let bad = "{\n \"ports\": [{ \"port_number\": 0, \"is_unencrypted\": true }] }";
    let lines = words(&Sockets::parse("/c.json", bad, &around).unwrap_err());
    let expected = [
        "/c.json:2:29: `port_number` must be a whole number from 1 to 65535, not 0",
        "/c.json cannot be used, so the socket units stand as they are without it: see \"ringsocket \
         check\"",
    ];
    assert_eq!(lines, expected);
    let many = format!("{{ {} }}", "\"x\": 1,".repeat(100));
    assert_eq!(words(&Sockets::parse("c", &many, &around).unwrap_err()).len(), MAX_SAID + 1);
}

#[test]
fn what_is_there_already_is_not_written_to() {
    let folder = Folder::new("generator");
    let orders = orders(&folder, PORTS);
    let precious = folder.path().join("precious");
    fs::write(&precious, "as it was").unwrap();
    let drop_in = orders.normal_dir.join("ringsocket-tls.socket.d");
    fs::create_dir(&drop_in).unwrap();
    std::os::unix::fs::symlink(&precious, drop_in.join(units::DROP_IN)).unwrap();
    assert!(!run(&orders));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "as it was");
    // Nor is half of it left: the other unit's drop-in had been written.
    assert_eq!(files(&orders.normal_dir), ["ringsocket-tls.socket.d/00-ports.conf"]);

    fs::remove_dir_all(&drop_in).unwrap();
    std::os::unix::fs::symlink(folder.path(), &drop_in).unwrap();
    assert!(!run(&orders));
    assert!(!folder.path().join(units::DROP_IN).exists(), "written through a link");
}

#[test]
fn a_folder_that_cannot_be_written_to_fails_and_says_so() {
    let folder = Folder::new("generator");
    let orders = Orders { normal_dir: folder.path().join("none"), ..orders(&folder, PORTS) };
    assert!(!run(&orders));
    assert!(!orders.normal_dir.exists());
}
