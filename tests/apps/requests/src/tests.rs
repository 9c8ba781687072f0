//! Properties of typed messages: what is sent is what is read, and no bytes make decoding panic.

use crate::{Answer, Point, Request, Requests};
use proptest::collection::vec;
use proptest::prelude::*;
use ringsocket_app::testing::TestHost;
use ringsocket_app::{Error, Message, Payload, messages};

/// A message of any kind and content, which mostly begins with a case that there is.
fn any_message() -> impl Strategy<Value = (bool, Vec<u8>)> {
    let case = prop_oneof![0..8_u8, Just(b's'), Just(b'p'), Just(b'e'), any::<u8>()];
    (any::<bool>(), case, vec(prop_oneof![0..2_u8, any::<u8>()], 0..64)).prop_map(
        |(is_text, case, rest)| {
            let bytes = [&[case][..], &rest].concat();
            match is_text {
                true => (true, String::from_utf8_lossy(&bytes).into_owned().into_bytes()),
                false => (false, bytes),
            }
        },
    )
}

fn message(is_text: bool, bytes: &[u8]) -> Message<'_> {
    match is_text {
        true => Message::Text(std::str::from_utf8(bytes).expect("made of text")),
        false => Message::Binary(bytes),
    }
}

/// The bytes of a request, which decode to the same.
fn there_and_back(request: &Request<'_>) -> Result<Vec<u8>, TestCaseError> {
    let (bytes, back) = request
        .with(|message| {
            (message.as_bytes().to_vec(), message.decode::<Request>().map(|back| back == *request))
        })
        .expect("within its bounds");
    prop_assert_eq!(back, Ok(true), "{:?}", request);
    Ok(bytes)
}

proptest! {
    #[test]
    fn whatever_is_decoded_encodes_to_the_same_bytes((is_text, bytes) in any_message()) {
        match message(is_text, &bytes).decode::<Request>() {
            Ok(request) => {
                let again = request.with(|message| message.as_bytes().to_vec());
                prop_assert_eq!(again.as_deref(), Ok(&bytes[..]), "{:?}", request);
            }
            Err(mismatch) => {
                prop_assert!(matches!(mismatch.code(), 4900..=4902 | 1007));
                prop_assert!(!mismatch.to_string().is_empty());
            }
        }
    }

    #[test]
    fn numbers_come_back(
        (a, b, c, d) in any::<(u8, i16, u32, i64)>(),
        (e, f, g, h) in any::<(u128, f32, f64, bool)>(),
    ) {
        let bytes = there_and_back(&Request::Numbers { a, b, c, d, e, f, g, h })?;
        // Written by hand, in network byte order.
        let mut expected = vec![1, a];
        expected.extend(b.to_be_bytes());
        expected.extend(c.to_be_bytes());
        expected.extend(d.to_be_bytes());
        expected.extend(e.to_be_bytes());
        expected.extend(f.to_be_bytes());
        expected.extend(g.to_be_bytes());
        expected.push(u8::from(h));
        prop_assert_eq!(bytes, expected);
    }

    #[test]
    fn arrays_and_strings_come_back(
        (three, id, closed) in any::<([u16; 3], [u8; 4], bool)>(),
        points in vec(any::<(i16, i16)>(), 1..=3),
        name in "[a-zé]{1,4}",
        bytes in vec(any::<u8>(), 0..600),
    ) {
        let points: Vec<Point> = points.into_iter().map(|(x, y)| Point { x, y }).collect();
        there_and_back(&Request::Fixed { three, id: &id, at: points[0] })?;
        there_and_back(&Request::Path { closed, points })?;
        there_and_back(&Request::Name { name: &name })?;
        there_and_back(&Request::Say { line: &name })?;
        there_and_back(&Request::Bytes { bytes: &bytes })?;
    }
}

#[test]
fn what_breaks_its_declaration_is_not_sent() {
    let long = "x".repeat(501);
    for request in [
        Request::Say { line: "" },
        Request::Say { line: &long },
        Request::Path { closed: true, points: Vec::new() },
        Request::Pair { first: 0xff, second: String::new() },
    ] {
        assert_eq!(request.with(|_| ()), Err(Error::Malformed), "{request:?}");
    }
}

#[test]
fn a_field_may_end_within_a_character_but_a_string_may_not_begin_there() {
    let mismatch = Message::Text("pé").decode::<Request>().unwrap_err();
    assert_eq!(mismatch.code(), 1007);
    let pair = Request::Pair { first: b'a', second: "é".to_owned() };
    assert_eq!(Message::Text("paé").decode(), Ok(pair));
}

#[test]
fn a_mismatch_says_what_was_expected() {
    messages! {
        #[derive(Debug)]
        binary struct Flag { flag: u8 }
        #[derive(Debug)]
        either struct Tail<'a> { _head: u16, _tail: &'a [u8] }
        #[derive(Debug)]
        text struct Exact<'a> { _line: &'a str where 3..=3 }
    }
    let request = |message: Message<'_>| message.decode::<Request>().unwrap_err().to_string();
    let binary = Message::Binary;
    assert_eq!(request(binary(&[])), "Request takes 1 byte or more, not 0");
    assert_eq!(request(binary(&[9])), "Request has no case 9");
    assert_eq!(request(binary(&[7, 0])), "Double takes 3 bytes, not 2");
    assert_eq!(request(binary(&[5])), "Name takes 2 to 9 bytes, not 1");
    assert_eq!(request(binary(&[3; 7])), "Path takes 6 to 14 bytes in steps of 4, not 7");
    assert_eq!(request(Message::Text("\0")), "Nothing must be binary, not text");
    assert_eq!(request(binary(b"s")), "Say must be text, not binary");
    assert_eq!(request(binary(b"\x05\xff")), "Name has a field whose value makes no sense");
    assert_eq!(request(binary(&[3, 2, 0, 0, 0, 0])), "Path has a field whose value makes no sense");
    let flag = binary(&[]).decode::<Flag>().unwrap_err();
    assert_eq!(flag.to_string(), "Flag takes 1 byte, not 0");
    let tail = binary(&[1]).decode::<Tail>().unwrap_err();
    assert_eq!(tail.to_string(), "Tail takes 2 bytes or more, not 1");
    let exact = Message::Text("four").decode::<Exact>().unwrap_err();
    assert_eq!(exact.to_string(), "Exact takes 3 bytes, not 4");
}

#[test]
fn the_host_for_tests_sends_and_receives_typed_messages() {
    let mut host = TestHost::<Requests>::start().unwrap();
    let client = host.open("/");
    host.send(client, Request::Double { number: 21 });
    host.send(client, &Request::Say { line: "hi" });
    let received = host.received(client);
    assert_eq!(received[0].decode::<Answer>(), Answer { double: 42 });
    assert_eq!(received[1], "Say { line: \"hi\" }");
    host.text(client, "x");
    assert_eq!(host.closed_with(client), Some((4902, "Request has no case 120")));
}
