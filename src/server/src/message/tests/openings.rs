//! Openings come out of a record as they went in.

use proptest::prelude::*;

use super::*;
use crate::tls::{ClientCert, Identity};

type Field = (Vec<u8>, Vec<u8>);

fn write(identity: Option<&Identity>, fields: [&[u8]; 4], headers: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let address = PeerAddress::inet(([127, 0, 0, 1], 80).into());
    let headers = headers.iter().map(|(name, value)| (&name[..], &value[..]));
    Opening::write(address, fields, identity, headers, &mut bytes);
    bytes
}

/// What came out, as it was.
fn read(tls: Secured<'_>) -> Identity {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let version = match tls.version {
        b"TLSv1.2" => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let name = text(tls.server_name);
    let client = tls.certificate.map(|certificate| {
        let sans = certificate.names().map(text).collect();
        Box::new(ClientCert { subject: text(certificate.subject), sans })
    });
    Identity { version, server_name: (!name.is_empty()).then(|| name.into()), client }
}

fn identities() -> impl Strategy<Value = Option<Identity>> {
    let client = (".{0,40}", prop::collection::vec(".{0,20}", 0..5));
    let client = client.prop_map(|(subject, sans)| Box::new(ClientCert { subject, sans }));
    let name = prop::option::of("[a-z.]{1,30}").prop_map(|name| name.map(String::into_boxed_str));
    let version = prop::sample::select(vec!["TLSv1.2", "TLSv1.3"]);
    let identity = (version, name, prop::option::of(client))
        .prop_map(|(version, server_name, client)| Identity { version, server_name, client });
    prop::option::of(identity)
}

proptest! {
    #[test]
    fn what_is_told_of_a_connection_arrives(
        identity in identities(),
        texts in prop::array::uniform4(prop::collection::vec(any::<u8>(), 0..20)),
        headers in prop::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let fields = std::array::from_fn(|at| &texts[at][..]);
        let bytes = write(identity.as_ref(), fields, &headers);
        let opening = Opening::read(&bytes).expect("what was written");
        prop_assert_eq!([opening.path, opening.query, opening.host, opening.subprotocol], fields);
        prop_assert_eq!(opening.tls.map(read), identity.clone());
        let kept: Vec<Field> =
            opening.headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        prop_assert_eq!(&kept, &headers);
        // What is cut off is missing, but harms nobody.
        if let Some(opening) = Opening::read(&bytes[..cut.index(bytes.len())]) {
            prop_assert!(opening.headers().count() <= headers.len());
            prop_assert_eq!(opening.tls.map(read), identity);
        }
    }
}

#[test]
fn an_opening_keeps_address_and_headers() {
    for address in ["127.0.0.1:80", "[2001:db8::1]:65535"] {
        let address = PeerAddress::inet(address.parse().expect("an address"));
        let headers = [(&b"Host"[..], &b"a"[..]), (b"X", b"")];
        let mut bytes = Vec::new();
        let fields: [&[u8]; 4] = [b"/p", b"q=1", b"a", b""];
        Opening::write(address, fields, None, headers.into_iter(), &mut bytes);
        let opening = Opening::read(&bytes).expect("what was written");
        assert_eq!(opening.address, address);
        assert_eq!((opening.path, opening.query), (&b"/p"[..], &b"q=1"[..]));
        assert_eq!(opening.headers().collect::<Vec<_>>(), headers);
        assert!(Opening::read(&bytes[..10]).is_none());
    }
}

#[test]
fn what_a_connection_without_tls_does_not_have_takes_four_bytes() {
    let identity = Identity { version: "TLSv1.3", server_name: None, client: None };
    let [plain, encrypted] = [None, Some(&identity)].map(|it| write(it, [b""; 4], &[]).len());
    assert_eq!(plain, (4 + 6) + 4 * 4 + 4, "the address, four empty texts, and no TLS");
    assert_eq!(encrypted - plain, identity.told_size());
}

#[test]
fn a_certificate_without_names_is_one() {
    let client = Some(Box::new(ClientCert { subject: String::new(), sans: Vec::new() }));
    let identity = Identity { version: "TLSv1.2", server_name: None, client };
    let bytes = write(Some(&identity), [b""; 4], &[]);
    let tls = Opening::read(&bytes).and_then(|opening| opening.tls);
    assert_eq!(tls.map(read), Some(identity));
}
