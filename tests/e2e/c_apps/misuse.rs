//! Helpers in callbacks where they are not allowed: the app stops, the log says why, and the helper
//! never returns.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};

fn start(callback: &str, statement: &str) -> Daemon {
    let define = format!("DO_{callback}={statement}");
    let builder = Builder::new().app("echo").c_app("tests/apps/misuse.c", &[&define], "misuse");
    builder.start()
}

/// Does what has this callback called.
fn provoke(daemon: &Daemon, callback: &str) -> Option<Client> {
    if matches!(callback, "INIT" | "TIMER") {
        return None;
    }
    let mut client = daemon.connect("/misuse");
    match callback {
        "READ" => client.text("").unwrap(),
        "CLOSE" => client.close(1000, "").unwrap(),
        _ => {}
    }
    Some(client)
}

/// `words` stand in a line of the log, and the app is stopped.
#[track_caller]
fn faults(callback: &str, statement: &str, words: &[&str]) {
    let daemon = start(callback, statement);
    let client = provoke(&daemon, callback);
    daemon.wait_log_line(&[words, &["error", "app=misuse"]].concat());
    let name = format!("`{}`", callback.to_lowercase());
    daemon.wait_log_line(&[&name, "reported a fatal error", "misuse"]);
    let went_on = format!("went on in {}_cb", callback.to_lowercase());
    assert!(!daemon.log().contains(&went_on), "{}", daemon.log());
    drop(client);
    let mut client = daemon.connect("/echo");
    client.text("unharmed").unwrap();
    client.expect_text("unharmed");
    client.close_cleanly();
    daemon.stop_well();
}

#[track_caller]
fn forbidden(callback: &str, helper: &str, arguments: &str) {
    let statement = format!("{helper}(rs{arguments})");
    let why = format!("{helper}() must not be called from an RS_{callback} callback");
    faults(callback, &statement, &[&why]);
}

#[test]
fn there_is_no_current_client_in_a_timer() {
    forbidden("TIMER", "rs_to_cur", ", RS_BIN");
    forbidden("TIMER", "rs_to_every_except_cur", ", RS_BIN");
    forbidden("TIMER", "rs_close_cur", ", 4000");
    forbidden("TIMER", "rs_get_client_id", "");
    forbidden("TIMER", "rs_get_endpoint_id", "");
    forbidden("TIMER", "rs_get_client_addr", ", &(struct sockaddr_storage){0}");
}

#[test]
fn nothing_is_sent_to_the_client_that_is_closed() {
    forbidden("CLOSE", "rs_to_cur", ", RS_UTF8");
    forbidden("CLOSE", "rs_to_every_except_cur", ", RS_UTF8");
    forbidden("CLOSE", "rs_get_client_addr", ", &(struct sockaddr_storage){0}");
    forbidden("CLOSE", "rs_get_read_data_kind", "");
    let why = "to the client whose RS_CLOSE callback this is";
    faults("CLOSE", "rs_to_single(rs, RS_BIN, rs_get_client_id(rs))", &["rs_to_single()", why]);
    let multi = "uint64_t ids[] = { 0, rs_get_client_id(rs), 5 }; rs_to_multi(rs, RS_BIN, ids, 3)";
    faults("CLOSE", multi, &["rs_to_multi()", why]);
}

#[test]
fn init_has_no_clients() {
    forbidden("INIT", "rs_w_uint8", ", 1");
    forbidden("INIT", "rs_to_every", ", RS_BIN");
    forbidden("INIT", "rs_close", ", 1, 4000");
    forbidden("INIT", "rs_get_client_id", "");
}

#[test]
fn only_open_knows_the_request_and_only_close_the_reason() {
    forbidden("READ", "rs_get_request", "");
    forbidden("READ", "rs_get_close_code", "");
    forbidden("OPEN", "rs_get_close_reason", "");
    forbidden("OPEN", "rs_get_read_data_kind", "");
}

#[test]
fn more_than_a_message_may_hold_is_a_fault() {
    let statement = "for (;;) { rs_w_uint64(rs, 0); }";
    faults("READ", statement, &["more than max_ws_msg_size, 16777216 bytes"]);
    let reason = "char text[125]; memset(text, 'a', 124); text[124] = 0; \
                  rs_close_reason(rs, rs_get_client_id(rs), 4000, text)";
    faults("READ", reason, &["rs_close_reason(): a reason is UTF-8 and at most 123 bytes"]);
}

#[test]
fn topics_have_names_and_callbacks() {
    forbidden("INIT", "rs_subscribe", ", 1, \"t\"");
    forbidden("INIT", "rs_to_topic", ", RS_BIN, \"t\"");
    forbidden("TIMER", "rs_subscribe_cur", ", \"t\"");
    forbidden("TIMER", "rs_to_topic_except_cur", ", RS_BIN, \"t\"");
    forbidden("CLOSE", "rs_unsubscribe_cur", ", \"t\"");
    let why = "rs_subscribe(): the name of a topic has 1 to 255 bytes, not 0";
    faults("READ", "rs_subscribe(rs, 1, \"\")", &[why]);
    let long = "char name[257]; memset(name, 'a', 256); name[256] = 0; \
                rs_to_topic(rs, RS_BIN, name)";
    faults("OPEN", long, &["rs_to_topic(): the name of a topic has 1 to 255 bytes, not 256"]);
}

#[test]
fn a_state_is_written_while_it_is_saved_and_clients_are_resumed_as_they_open() {
    forbidden("READ", "rs_write_state", ", \"\", 0");
    forbidden("TIMER", "rs_is_resumed", "");
}

#[test]
fn a_result_that_means_nothing_is_a_fault() {
    for result in ["1", "3999", "4900", "-2"] {
        let why = format!("a callback returned {result}, which is neither");
        faults("READ", &format!("return (rs_cb_ret) {result}"), &[&why]);
    }
    // Codes are for open and read.
    faults("CLOSE", "return (rs_cb_ret) 4000", &["a callback returned 4000"]);
}
