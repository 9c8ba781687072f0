//! Parameter macros: every form, at its bounds and beyond.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};

fn start() -> Daemon {
    Builder::new().c_app("tests/apps/typed.c", &[], "typed").start()
}

/// A message: the case byte and parts.
fn message(case: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[case][..], &parts.concat()].concat()
}

#[track_caller]
fn answers(client: &mut Client, case: u8, parts: &[&[u8]], want: &str) {
    client.binary(&message(case, parts)).unwrap();
    client.expect_text(want);
}

/// A message that does not fit is closed with this code, and its sender alone.
#[track_caller]
fn refused(daemon: &Daemon, is_text: bool, bytes: &[u8], code: u16) {
    let mut client = daemon.connect("/typed");
    match is_text {
        true => client.text(std::str::from_utf8(bytes).unwrap()).unwrap(),
        false => client.binary(bytes).unwrap(),
    }
    assert_eq!(client.expect_close(code), "");
}

#[test]
fn a_callback_gets_numbers_of_the_types_that_it_declares() {
    let daemon = start();
    let mut client = daemon.connect("/typed");
    answers(&mut client, 0, &[], "nothing");
    answers(&mut client, 30, &[], "nothing");
    let singles: [&[u8]; 8] = [
        &u8::MAX.to_be_bytes(),
        &i8::MIN.to_be_bytes(),
        &0x1234_u16.to_be_bytes(),
        &i16::MIN.to_be_bytes(),
        &0x1234_5678_u32.to_be_bytes(),
        &(-2_i32).to_be_bytes(),
        &u64::MAX.to_be_bytes(),
        &i64::MIN.to_be_bytes(),
    ];
    let want = "255 -128 4660 -32768 305419896 -2 18446744073709551615 -9223372036854775808";
    answers(&mut client, 1, &singles, want);
    let parts: [&[u8]; 4] = [&[7], &[1, 2], &[1, 2, 3, 4], &[1, 2, 3, 4, 5, 6, 7, 8]];
    answers(&mut client, 2, &parts, "7 258 16909060 72623859790382856");
    answers(&mut client, 3, &[&[0, 1, 0, 2, 0, 3], &[0, 0, 0, 4]], "1 2 3, 4");
    let bytes: Vec<u8> = (1..=4).flat_map(|i: i32| (-i).to_be_bytes()).collect();
    answers(&mut client, 4, &[&bytes], "4: -1 -2 -3 -4");
    answers(&mut client, 4, &[&bytes[..4]], "1: -1");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn arrays_may_lie_on_the_stack_in_static_memory_and_on_the_heap() {
    let daemon = start();
    let mut client = daemon.connect("/typed");
    let words = [&2_u64.to_be_bytes()[..], &3_u64.to_be_bytes()].concat();
    answers(&mut client, 5, &[&words], "2: 2 3");
    answers(&mut client, 5, &[], "0:");
    answers(&mut client, 6, &[&(-5_i16).to_be_bytes(), &6_i16.to_be_bytes()], "2: -5 6");
    answers(&mut client, 6, &[], "0:");
    answers(&mut client, 7, &[&[0, 0, 0, 9], &[0, 0, 1, 0]], "2: 9 256");
    answers(&mut client, 8, &[&[1, 2, 3]], "3: 1 2 3");
    // Zeroed beyond what has come.
    answers(&mut client, 19, &[&[0, 1, 0, 2, 0, 3, 0, 4]], "4: 1 2 3 4");
    answers(&mut client, 19, &[&[0, 5]], "4: 5 0 0 0");
    for case in [9, 10, 11] {
        answers(&mut client, case, &[], "0:");
        answers(&mut client, case, &[&[4, 3, 2, 1]], "4: 4 3 2 1");
        answers(&mut client, case, &[&[9]], "1: 9");
    }
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn strings_end_with_a_nul_also_after_longer_ones() {
    let daemon = start();
    let mut client = daemon.connect("/typed");
    for case in ["a", "b", "c", "d"] {
        for (text, want) in [("hello", "5 5 'hello'"), ("ab", "2 2 'ab'"), ("é", "2 2 'é'")] {
            client.text(&format!("{case}{text}")).unwrap();
            client.expect_text(want);
        }
    }
    for case in ["a", "c", "d"] {
        client.text(case).unwrap();
        client.expect_text("0 0 ''");
    }
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn what_is_too_much_for_a_stack_lies_elsewhere() {
    let daemon = start();
    let mut client = daemon.connect("/typed");
    let bytes: Vec<u8> = (1..=1000_u64).flat_map(u64::to_be_bytes).collect();
    let first = 7_u64.to_be_bytes();
    answers(&mut client, 16, &[&first, &bytes], "1000 500507 0 0");
    answers(&mut client, 16, &[&first], "0 7 0 0");
    let bytes = 1_u64.to_be_bytes().repeat(1_000_000);
    answers(&mut client, 16, &[&first, &bytes], "1000000 1000007 0 0");
    answers(&mut client, 16, &[&first, &bytes[..8]], "1 8 0 0");
    let (one, other) = ([&[0; 39_998][..], &[1, 4]].concat(), [&[0; 29_999][..], &[5]].concat());
    // Unless the app wants it there: then as much as threads of C programs have.
    answers(&mut client, 20, &[&[0; 5_999_999], &[7]], "1: 7");
    answers(&mut client, 18, &[&one, &other, b"name"], "260 5 name 4");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_callback_may_have_fifteen_parameters() {
    let daemon = start();
    let mut client = daemon.connect("/typed");
    let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4];
    answers(&mut client, 17, &[&bytes], "12345678901234 0 0");
    answers(&mut client, 17, &[&bytes, &[0, 1, 2, 0]], "12345678901234 2 512");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_case_may_take_both_kinds() {
    let daemon = start();
    let mut client = daemon.connect("/typed");
    for (text, want) in [("z", "no text"), ("z!", "text")] {
        client.text(text).unwrap();
        client.expect_text(want);
        client.binary(text.as_bytes()).unwrap();
        client.expect_text(&want.replace("text", "binary"));
    }
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_payload_of_the_wrong_size_is_closed_with_4900() {
    let daemon = start();
    // The case, and sizes of the rest that do not fit.
    let wrong: [(u8, &[usize]); 15] = [
        (0, &[1]),
        (1, &[0, 1, 29, 31]),
        (2, &[14, 16]),
        (3, &[5, 6, 9, 11]),
        (4, &[0, 3, 5, 18, 20]),
        (5, &[7, 9, 32]),
        (6, &[1, 8]),
        (7, &[0, 16]),
        (8, &[1, 6]),
        (9, &[5]),
        (10, &[5]),
        (11, &[5]),
        (16, &[7, 9, 8_000_016]),
        (17, &[13, 15, 20]),
        (18, &[69_999, 70_010]),
    ];
    for (case, sizes) in wrong {
        for size in sizes {
            refused(&daemon, false, &message(case, &[&vec![0; *size]]), 4900);
        }
    }
    for text in ["a123456", "b", "b123456", "c123456", "d123456"] {
        refused(&daemon, true, text.as_bytes(), 4900);
    }
    // No byte for the switch.
    refused(&daemon, false, b"", 4900);
    refused(&daemon, true, b"", 4900);
    daemon.stop_well();
}

#[test]
fn a_payload_of_the_wrong_kind_is_closed_with_4901_and_an_unknown_case_with_4902() {
    let daemon = start();
    refused(&daemon, true, &[0], 4901);
    // The kind is looked at before the size.
    refused(&daemon, true, &[1, 1], 4901);
    refused(&daemon, false, b"a", 4901);
    refused(&daemon, false, &[12], 4902);
    refused(&daemon, false, &[255, 0], 4902);
    refused(&daemon, true, b"Z", 4902);
    daemon.stop_well();
}

#[test]
fn a_switch_may_have_255_cases() {
    let cases: Vec<String> = (1..=255).map(|i| format!("RS_CASE_BIN({i}, cb{i})")).collect();
    let callbacks: String = (1..=255)
        .map(|i| {
            format!(
                "static int cb{i}(rs_t *rs)\n{{\n    rs_w_uint8(rs, 255 - {i});\n    \
                 rs_to_cur(rs, RS_BIN);\n    return 0;\n}}\n"
            )
        })
        .collect();
    let source = format!(
        "#include <ringsocket.h>\n{callbacks}RS_APP(RS_INIT_NONE, RS_OPEN_NONE, \
         RS_READ_SWITCH({}), RS_CLOSE_NONE, RS_TIMER_NONE);\n",
        cases.join(", ")
    );
    let builder = Builder::new().file("many.c", source);
    let path = builder.path().join("many.c").display().to_string();
    let daemon = builder.c_app(&path, &[], "many").start();
    let mut client = daemon.connect("/many");
    for case in 1..=255 {
        client.binary(&[case]).unwrap();
        client.expect_binary(&[255 - case]);
    }
    client.binary(&[0]).unwrap();
    client.expect_closed(4902);
    daemon.stop_well();
}
