//! The target `config`: the text of a configuration file.

use std::path::PathBuf;

use ringsocket::config::{self, Config, Issue, Report, Surroundings};

/// Runs one input. A file that is no UTF-8 is refused before it is parsed, so what is not is
/// replaced here.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let around = Surroundings {
        cores: 4,
        nofile: Some(20_000),
        apps_dir: PathBuf::from("/nonexistent/ringsocket/apps"),
        fixed: None,
        heir_c: 0,
    };
    let report = match config::parse("fuzz.json", &text, &around) {
        Ok(loaded) => {
            assert!(!loaded.warnings.has_errors(), "usable, with errors: {}", loaded.warnings);
            hold_config(&loaded.config);
            loaded.warnings
        }
        Err(report) => {
            assert!(report.has_errors(), "not usable, and no error says why: {report}");
            report
        }
    };
    hold_report(&report, &text);
}

/// Places lie in the text, and the whole can be shown to anybody.
fn hold_report(report: &Report, text: &str) {
    let lines: Vec<&str> = text.split('\n').collect();
    for issue in &report.issues {
        hold_place(issue, &lines);
    }
    let in_order = |two: &[Issue]| {
        let place = |issue: &Issue| issue.place.as_ref().map(|at| (at.line, at.column));
        place(&two[0]) <= place(&two[1])
    };
    assert!(report.issues.windows(2).all(in_order), "not in the order of the lines: {report}");
    let shown = report.to_string();
    let is_printable = |line: &str| !line.contains(char::is_control);
    assert!(shown.lines().all(is_printable), "not printable: {shown:?}");
    assert_eq!(shown.is_empty(), report.issues.is_empty());
    assert!(shown.is_empty() || shown.ends_with('\n'), "no line: {shown:?}");
}

fn hold_place(issue: &Issue, lines: &[&str]) {
    assert!(!issue.what.trim().is_empty(), "{issue:?}");
    let Some(place) = &issue.place else { return };
    let line = lines.get(place.line.wrapping_sub(1));
    let line = line.unwrap_or_else(|| panic!("{} lines, and {place:?}", lines.len()));
    let len = line.chars().count();
    assert!(place.width > 0 && place.column > 0, "{place:?}");
    // The end of a line is a place too, one character wide.
    assert!(place.column - 1 + place.width <= len + 1, "{len} characters, and {place:?}");
    assert_eq!(place.text.chars().count(), line.trim_end().chars().count(), "{place:?}");
}

/// What the rest of the daemon relies on.
fn hold_config(config: &Config) {
    let limits = &config.limits;
    assert!((1..=256).contains(&config.worker_c));
    assert!(limits.inbound_ring_buf_size.is_power_of_two());
    assert!(limits.outbound_ring_buf_size.is_power_of_two());
    assert!(limits.max_ws_frame_chain_size >= limits.max_ws_msg_size + 14);
    assert!(limits.partial_budget >= limits.max_ws_msg_size);
    assert!(config.fds_needed() <= 20_000 && limits.fd_alloc_c > 0, "{}", config.fds_needed());
    let mut names: Vec<&str> = config.apps.iter().map(|app| app.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), config.apps.len(), "two apps of one name");
    for endpoint in config.apps.iter().flat_map(|app| &app.endpoints) {
        let url = &endpoint.url;
        assert!(url.path.starts_with('/'), "{url:?}");
        assert!(url.path.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
        if let Some((host, port)) = &url.authority {
            assert!(!host.is_empty() && *port > 0, "{url:?}");
            assert!(!host.contains(|c: char| c.is_ascii_uppercase() || !c.is_ascii_graphic()));
        }
    }
}
