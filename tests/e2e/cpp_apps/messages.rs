//! Messages into fields and back: every kind of field, at its bounds and beyond.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};

fn start() -> Daemon {
    Builder::new().cpp_app("tests/apps/cpp-typed.cpp", &[], "typed").start()
}

/// A client that has got its greeting.
fn greeted(daemon: &Daemon) -> Client {
    let mut client = daemon.connect("/typed");
    client.receive_text();
    client
}

fn message(case: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[case][..], &parts.concat()].concat()
}

#[track_caller]
fn answers(client: &mut Client, case: u8, parts: &[&[u8]], want: &str) {
    client.binary(&message(case, parts)).unwrap();
    client.expect_text(want);
}

#[track_caller]
fn refused(daemon: &Daemon, is_text: bool, bytes: &[u8], code: u16) {
    let mut client = greeted(daemon);
    match is_text {
        true => client.text(std::str::from_utf8(bytes).unwrap()).unwrap(),
        false => client.binary(bytes).unwrap(),
    }
    assert_eq!(client.expect_close(code), "");
}

#[test]
fn fields_are_numbers_of_either_order_arrays_lists_bytes_and_texts() {
    let daemon = start();
    let mut client = greeted(&daemon);
    answers(&mut client, 0, &[], "nothing");
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
    let parts: [&[u8]; 3] =
        [&7_u32.to_le_bytes(), &(-1.5_f32).to_be_bytes(), &0.25_f64.to_be_bytes()];
    answers(&mut client, 2, &parts, "7 -1.5 0.25");
    answers(&mut client, 3, &[&[0, 1, 255, 254, 0, 3], &[9]], "1 -2 3, 9");
    let four: Vec<u8> = (1..=4).flat_map(|i: i32| (-i).to_be_bytes()).collect();
    answers(&mut client, 4, &[&four], "4: -10");
    answers(&mut client, 4, &[&four[..4]], "1: -1");
    answers(&mut client, 5, &[&[8, 1, 2]], "8 2");
    answers(&mut client, 5, &[&[8, 1, 2, 3, 4, 5]], "8 5");
    answers(&mut client, 6, &[], "0: 0");
    answers(&mut client, 6, &[&1_u64.to_be_bytes().repeat(100_000)], "100000: 100000");
    for (text, want) in [("sa", "'a'"), ("shello", "'hello'"), ("sé", "'é'"), ("?", "text")] {
        client.text(text).unwrap();
        client.expect_text(want);
    }
    answers(&mut client, b'?', &[], "binary");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn what_is_packed_lies_in_network_byte_order() {
    let daemon = start();
    let mut client = greeted(&daemon);
    client.binary(&[7]).unwrap();
    let want = [&[1, 255, 254, 3, 0][..], b"ab", &[5, 6, 7, 8], &1_f32.to_be_bytes()].concat();
    client.expect_binary(&want);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn what_does_not_fit_is_closed_with_4900_4901_or_4902() {
    let daemon = start();
    // The case, and sizes of the rest that do not fit.
    let wrong: [(u8, &[usize]); 8] = [
        (0, &[1]),
        (1, &[0, 1, 29, 31]),
        (2, &[15, 17]),
        (3, &[6, 8]),
        (4, &[0, 3, 5, 18, 20]),
        (5, &[0, 2, 7]),
        (6, &[1, 7, 9]),
        (7, &[1]),
    ];
    for (case, sizes) in wrong {
        for size in sizes {
            refused(&daemon, false, &message(case, &[&vec![0; *size]]), 4900);
        }
    }
    for text in ["s", "s123456", "", "??"] {
        refused(&daemon, true, text.as_bytes(), 4900);
    }
    refused(&daemon, false, b"", 4900);
    refused(&daemon, true, &[0], 4901);
    // The kind is looked at before the size.
    refused(&daemon, true, &[1, 1], 4901);
    refused(&daemon, false, b"sa", 4901);
    refused(&daemon, false, &[8], 4902);
    refused(&daemon, true, "é".as_bytes(), 4902);
    // The app goes on.
    greeted(&daemon).close_cleanly();
    daemon.stop_well();
}
