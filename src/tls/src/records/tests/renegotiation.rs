//! TLS 1.2's requests to renegotiate (RFC 5246 section 7.2.2): each is refused by a warning, and the
//! connection goes on.

use super::*;

const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

#[test]
fn a_request_to_renegotiate_is_refused() {
    for suite in suites(Version::Tls12) {
        for (len, piece) in [(512, 516), (512, 100), (3, 1), (0, 4), (40_000, 16_384)] {
            let (mut server, mut forger) = (server(suite), forger(suite));
            let hello = client_hello(len);
            let mut bytes: Vec<u8> =
                hello.chunks(piece).flat_map(|piece| forger.record(HANDSHAKE, piece)).collect();
            bytes.extend(forger.record(DATA, b"data"));
            assert_eq!(open(&mut server, &bytes), (b"data".to_vec(), None));
            assert!(server.owes_reply());
            let (mut answer, expected) = (Vec::new(), server.sealed_len(0));
            server.reply(&mut answer);
            assert!(!server.owes_reply());
            assert_eq!(answer.len(), expected);
            // As a warning it ends nothing.
            server.seal(&[b"and more"], &mut answer).unwrap();
            let mut client = client(suite);
            assert_eq!(open(&mut client, &answer), (b"and more".to_vec(), None));
        }
    }
}

#[test]
fn several_requests_in_one_record_have_one_answer() {
    for suite in suites(Version::Tls12) {
        let (mut server, mut forger) = (server(suite), forger(suite));
        let hellos = [client_hello(10), client_hello(0), client_hello(5)].concat();
        assert_eq!(open(&mut server, &forger.record(HANDSHAKE, &hellos)), (Vec::new(), None));
        let (mut answer, expected) = (Vec::new(), server.sealed_len(4));
        server.seal(&[b"data"], &mut answer).unwrap();
        assert_eq!(answer.len(), expected);
        assert_eq!(answer.len(), overhead(suite) + 2 + overhead(suite) + 4);
        let hellos = client_hello(0).repeat(300);
        let (_, end) = open(&mut server, &forger.record(HANDSHAKE, &hellos));
        assert!(matches!(end, Some(End::Violation { .. })));
    }
}
