//! Published vectors: the records after the handshake of RFC 8448 section 3, with their secrets.

use super::*;

const CLIENT: &str = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
const SERVER: &str = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
/// Both sides send the bytes 0 to 49, then `close_notify`.
const CLIENT_DATA: &str = "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5\
     b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
const SERVER_DATA: &str = "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d\
     90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
const CLIENT_CLOSE: &str = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
const SERVER_CLOSE: &str = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

fn hex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect()
}

/// The server has sent a ticket already.
fn direction(secret: &str) -> Direction {
    let traffic_secret = Secret::new(&hex(secret)).unwrap();
    Direction { keys: Keys::Tls13 { traffic_secret }, sequence: u64::from(secret == SERVER) }
}

#[test]
fn both_sides_of_the_trace() {
    let data: Vec<u8> = (0..50).collect();
    let sides =
        [(CLIENT, SERVER, CLIENT_DATA, CLIENT_CLOSE), (SERVER, CLIENT, SERVER_DATA, SERVER_CLOSE)];
    for (ours, theirs, sealed, closed) in sides {
        let suite = suite(0x1301);
        let mut sender = Records::new(suite, direction(theirs), direction(ours)).unwrap();
        let mut wire = Vec::new();
        sender.seal(&[&data], &mut wire).unwrap();
        assert_eq!(wire, hex(sealed));
        sender.close_notify(&mut wire);
        assert_eq!(wire[hex(sealed).len()..], hex(closed));
        let mut receiver = Records::new(suite, direction(ours), direction(theirs)).unwrap();
        assert_eq!(open(&mut receiver, &wire), (data.clone(), Some(End::Closed)));
    }
}

/// The trace has no KeyUpdate. These values were computed with Python's `hmac` from RFC 8446
/// sections 7.1 to 7.3, and the first generation is that of the trace.
#[test]
fn keys_and_the_keys_after_them() {
    let client = (hex(CLIENT), "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9");
    let client_next = ("3879d82f5f14056e623f2ce5bfc66fce", "5dfb2c5938c3379b6cc5d1f2");
    let long = (0..48).collect();
    let long = (
        long,
        "6877d022f1c61d24ebb7487c16752d9a4798e40431c75b39320e537c90e23225",
        "42822531a0fe88648fc09e9f",
    );
    let long_next = (
        "eb354f3b48924ed78de34dd8aa6a6a0a51d857ddad1454d5cfa7b69f60712911",
        "8478ffbe4f2e5450789775b3",
    );
    for (number, (secret, key, iv), (next_key, next_iv)) in
        [(0x1301, client, client_next), (0x1302, long, long_next)]
    {
        let suite = suite(number);
        let mut keys = Keys::Tls13 { traffic_secret: Secret::new(&secret).unwrap() };
        for (key, iv) in [(key, iv), (next_key, next_iv)] {
            let derived = keys.derive(suite).unwrap();
            assert_eq!(derived.0.as_bytes(), hex(key));
            assert_eq!(derived.1[..], hex(iv));
            keys.advance(suite.hash);
        }
    }
}
