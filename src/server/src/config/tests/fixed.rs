//! Configurations of a reload, which leaves some things as they are.

use super::*;

/// What a daemon makes of a text that was started with another.
fn reloaded(started: &str, text: &str) -> Result<Loaded, Report> {
    let fixed = Some(Fixed::of(&accepted(started)));
    parse("c.json", text, &Surroundings { fixed, ..nowhere() })
}

#[test]
fn what_only_a_start_can_set_stays_and_is_named() {
    let started = format!(r#"{{ "worker_c": 3, "inbound_ring_buf_size": 65536, {ECHO} }}"#);
    let text = format!(
        r#"{{ "worker_c": 4, "inbound_ring_buf_size": 131072, "outbound_ring_buf_size": 131072,
        "epoll_buf_elem_c": 7, "max_ws_msg_size": 1000, {ECHO} }}"#
    );
    let Loaded { config, warnings } = reloaded(&started, &text).unwrap();
    let Config { worker_c, limits, .. } = config;
    assert_eq!((worker_c, limits.max_ws_msg_size), (3, 1000));
    assert_eq!((limits.inbound_ring_buf_size, limits.outbound_ring_buf_size), (65536, 1 << 20));
    assert_eq!(limits.epoll_buf_elem_c, 100);
    let said = warnings.to_string();
    for words in [
        "c.json:1:15: warning: `worker_c` (4) stays 3 until the service is restarted",
        "`inbound_ring_buf_size` (131072) stays 65536",
        "`outbound_ring_buf_size` (131072) stays 1048576",
        "`epoll_buf_elem_c` (7) stays 100",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let unchanged = reloaded(&started, &started).unwrap();
    assert!(!unchanged.warnings.to_string().contains("stays"));
}

#[test]
fn workers_stay_on_their_cpus_until_a_restart() {
    let started = format!(r#"{{ "worker_cpus": [2, 0], {ECHO} }}"#);
    let list = WorkerCpus::List(vec![2, 0]);
    let config = accepted(&started);
    assert_eq!((config.worker_c, &config.worker_cpus), (2, &list), "as many workers as CPUs");
    // What does not fit the workers that there are would fit those of a restart.
    let text = format!(r#"{{ "worker_c": 3, "worker_cpus": [1, 2, 3], {ECHO} }}"#);
    let Loaded { config, warnings } = reloaded(&started, &text).unwrap();
    assert_eq!((config.worker_c, &config.worker_cpus), (2, &list));
    let said = warnings.to_string();
    assert!(
        said.contains("`worker_cpus` stays what it is until the service is restarted"),
        "{said}"
    );
    let same = reloaded(&started, &started).unwrap().warnings.to_string();
    assert!(!same.contains("stays"), "{same}");
}

#[test]
fn another_number_of_apps_is_no_wish_for_other_workers() {
    let more = r#"{ "apps": [{ "name": "a", "app_path": "/x/a.so" },
        { "name": "b", "app_path": "/x/b.so" }] }"#;
    let started = format!("{{ {ECHO} }}");
    let Loaded { config, warnings } = reloaded(&started, more).unwrap();
    assert_eq!(config.worker_c, 7);
    assert!(!warnings.to_string().contains("worker_c"));
    // Who takes the key out of the file wishes for the default.
    let written = format!(r#"{{ "worker_c": 2, {ECHO} }}"#);
    let said = reloaded(&written, &started).unwrap().warnings.to_string();
    assert!(said.contains("`worker_c` (7) stays 2"), "{said}");
}

#[test]
fn what_depends_on_it_is_checked_against_what_stays() {
    let started = format!(r#"{{ "inbound_ring_buf_size": 65536, {ECHO} }}"#);
    let text =
        format!(r#"{{ "inbound_ring_buf_size": 1048576, "max_http_head_size": 65536, {ECHO} }}"#);
    assert_eq!(accepted(&text).limits.max_http_head_size, 65536);
    let said = reloaded(&started, &text).unwrap_err().to_string();
    assert!(said.contains("request heads of `max_http_head_size` (65536) take"), "{said}");
    assert!(said.contains("stays 65536") && said.contains("restart the service"), "{said}");
}
