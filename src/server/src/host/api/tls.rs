//! The C interface of what an app is told of the TLS connection by which a client has come.
//! Not for: when it is told, which is when it is told of the request (`api`).
#![expect(unsafe_code, reason = "pointers to apps that may be written in C")]

use std::ffi::c_int;

use ringsocket_app::abi;

use super::context;
use crate::message::{Certificate, Secured};

/// What is shown of a connection, which must stay where it is as long as this is used. `names` takes
/// the list that it points at.
pub(super) fn show(tls: Option<Secured<'_>>, names: &mut Vec<abi::Bytes>) -> abi::Tls {
    names.clear();
    let Some(Secured { version, server_name, certificate }) = tls else { return abi::Tls::NONE };
    let bytes = abi::Bytes::of;
    let known =
        abi::Tls { version: bytes(version), server_name: bytes(server_name), ..abi::Tls::NONE };
    let Some(certificate) = certificate else { return known };
    names.extend(certificate.names().map(bytes));
    let Certificate { subject, .. } = certificate;
    abi::Tls {
        has_certificate: 1,
        subject: bytes(subject),
        alternative_names: names.as_ptr(),
        alternative_name_c: names.len(),
        ..known
    }
}

pub(super) unsafe extern "C" fn tls(rs: *mut abi::Rs, tls: *mut abi::Tls) -> c_int {
    if tls.is_null() {
        return abi::E_ARG;
    }
    // SAFETY: not null, so by the header's word a `struct rs_tls` whose first member is set.
    let size = unsafe { (&raw const (*tls).struct_size).read() } as usize;
    if size < size_of::<u32>() {
        return abi::E_ARG;
    }
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    if rs.request.is_none() {
        return abi::E_CALL;
    }
    let known = abi::Tls { struct_size: size as u32, ..rs.tls };
    let size = size.min(size_of::<abi::Tls>());
    // SAFETY: both are at least `size` bytes, by `struct_size` and by the line above; one is ours.
    unsafe { tls.cast::<u8>().copy_from_nonoverlapping((&raw const known).cast(), size) };
    abi::OK
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::ffi::c_void;
    use std::mem::offset_of;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::host::api::Instance;
    use crate::host::context::{Context, Facts};
    use crate::host::library::Callbacks;
    use crate::host::outlets::Outlets;
    use crate::host::post::Post;
    use crate::host::topics::TopicLimits;
    use crate::message::{ClientId, Opening, PeerAddress};
    use crate::tls::{ClientCert, Identity};
    use crate::waker::Waker;

    const SIZE: usize = size_of::<abi::Tls>();
    /// A byte that nobody has written to.
    const FRESH: u8 = 0xaa;

    /// What an app passes, larger than any struct is now.
    #[repr(C, align(8))]
    struct Buffer([u8; SIZE + 64]);

    thread_local! {
        /// What the app's callbacks have been told, in words.
        static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// Asks with a struct of this size; returns the result, and what has been filled in.
    fn ask(rs: *mut abi::Rs, struct_size: u32) -> (c_int, Buffer) {
        let mut buffer = Buffer([FRESH; SIZE + 64]);
        buffer.0[..4].copy_from_slice(&struct_size.to_ne_bytes());
        // SAFETY: `rs` is that of the running callback, and there is room for as much as is said.
        let result = unsafe { ((*(*rs).host).tls)(rs, buffer.0.as_mut_ptr().cast()) };
        (result, buffer)
    }

    fn text(bytes: abi::Bytes) -> String {
        // SAFETY: what a callback is shown while it runs.
        let bytes = unsafe { super::super::bytes(bytes.data, bytes.size) };
        String::from_utf8_lossy(bytes.expect("no null with a size")).into_owned()
    }

    fn look(rs: *mut abi::Rs) {
        let (result, buffer) = ask(rs, SIZE as u32);
        assert_eq!(result, abi::OK);
        // SAFETY: all of it has been filled in.
        let tls = unsafe { buffer.0.as_ptr().cast::<abi::Tls>().read() };
        assert_eq!(tls.struct_size, SIZE as u32);
        let names = (0..tls.alternative_name_c).map(|at| {
            // SAFETY: so many lie there.
            text(unsafe { *tls.alternative_names.add(at) })
        });
        let names: Vec<_> = names.collect();
        let [version, name, subject] = [tls.version, tls.server_name, tls.subject].map(text);
        let has = tls.has_certificate;
        let words = format!("{version:?} {name:?} {has} {subject:?} {names:?}");
        TOLD.with_borrow_mut(|told| told.push(words));
    }

    unsafe extern "C" fn open(rs: *mut abi::Rs, _: *mut c_void, _: abi::ClientId) -> c_int {
        look(rs);
        for size in [0, 3] {
            assert_eq!(ask(rs, size).0, abi::E_ARG, "{size} bytes cannot hold their own size");
        }
        // SAFETY: as in `ask`, but for the pointer, which the function has to look at.
        let result = unsafe { ((*(*rs).host).tls)(rs, std::ptr::null_mut()) };
        assert_eq!(result, abi::E_ARG);
        // Older apps have a shorter struct, newer ones a longer one.
        for size in [4, offset_of!(abi::Tls, subject), SIZE, SIZE + 64] {
            let (result, Buffer(bytes)) = ask(rs, size as u32);
            assert_eq!(result, abi::OK);
            let end = size.min(SIZE);
            assert!(bytes[end..].iter().all(|byte| *byte == FRESH), "{size}");
            assert_eq!(bytes[..4], (size as u32).to_ne_bytes());
            assert!(size == 4 || bytes[4..8] != [FRESH; 4], "{size}");
        }
        abi::CB_OK
    }

    unsafe extern "C" fn timer(rs: *mut abi::Rs, _: *mut c_void) -> c_int {
        assert_eq!(ask(rs, SIZE as u32).0, abi::E_CALL);
        abi::CB_OK
    }

    unsafe extern "C" fn decide(
        rs: *mut abi::Rs,
        _: *mut c_void,
        _: abi::ClientId,
        upgrade: *const abi::Upgrade,
    ) -> c_int {
        look(rs);
        // SAFETY: shown while the callback runs.
        let (tls, size) = unsafe { (*(*upgrade).tls, (*upgrade).struct_size) };
        assert_eq!(size as usize, size_of::<abi::Upgrade>());
        assert_eq!(tls.struct_size as usize, SIZE);
        TOLD.with_borrow_mut(|told| told.push(text(tls.subject)));
        abi::CB_OK
    }

    static APP: abi::App = abi::App {
        abi_version: abi::ABI_VERSION,
        struct_size: size_of::<abi::App>() as u32,
        built_with: std::ptr::null(),
        init: None,
        open: Some(open),
        read: None,
        close: None,
        timer: Some(timer),
        quit: None,
        subprotocols: std::ptr::null(),
        subprotocol_c: 0,
        flags: 0,
        upgrade: Some(decide),
        drain: None,
        save: None,
        restore: None,
    };

    fn instance() -> Instance {
        let waker = Arc::new(Waker::simulated(|| {}));
        let post = Post::new(Vec::new(), Arc::clone(&waker));
        let topics = Arc::new(TopicLimits::new(0, 0));
        let facts = Facts { name: "tls".into(), max_message: 1000, max_kept: 1000, topics };
        let outlets = Outlets::new(Vec::new(), 0, waker);
        let clock = || Duration::ZERO;
        Instance::new(
            Callbacks::linked(&APP),
            Context::new(facts, outlets, Arc::clone(post.posted()), clock),
        )
    }

    #[test]
    fn an_app_is_told_of_a_connection_and_its_certificate() {
        let mut instance = instance();
        let client = ClientId::new(0, 0, 1);
        let sans = vec!["DNS:a.example".to_owned(), "email:ann@a.example".to_owned()];
        let cert = ClientCert { subject: "CN=Ann".to_owned(), sans };
        let bare = Identity { version: "TLSv1.2", server_name: None, client: None };
        let certified = Identity {
            version: "TLSv1.3",
            server_name: Some("a.example".into()),
            client: Some(Box::new(cert)),
        };
        for identity in [Some(&certified), None, Some(&bare)] {
            let mut bytes = Vec::new();
            let headers = std::iter::empty();
            Opening::write(PeerAddress::Unix, [b"/"; 4], identity, headers, &mut bytes);
            let opening = Opening::read(&bytes).expect("what was written");
            instance.context().begin_upgrade(client, 0, &bytes);
            instance.upgrade(client, &opening).expect("upgrade");
            instance.open(client, &opening).expect("open");
            instance.timer().expect("timer");
        }
        let whole = r#""TLSv1.3" "a.example" 1 "CN=Ann" ["DNS:a.example", "email:ann@a.example"]"#;
        let plain = r#""" "" 0 "" []"#;
        let bare = r#""TLSv1.2" "" 0 "" []"#;
        let expected = [whole, "CN=Ann", whole, plain, "", plain, bare, "", bare];
        assert_eq!(TOLD.take(), expected);
    }
}
