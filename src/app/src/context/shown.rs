//! What the server shows of a request, of the connection that it came by, and of who asks.
//! Not for: what apps see of it (`request`, `tls`, `upgrade`).
#![expect(unsafe_code, reason = "borrows what the server shows for the time of a callback")]

use super::{Borrowed, RawHeader, borrow};
use crate::upgrade::Upgrade;
use crate::{ClientCertificate, Request, Tls, abi};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What the server shows of a request for an upgrade.
///
/// # Safety
///
/// `raw` is what the server handed to an `upgrade` callback that does not return within `'a`.
pub(crate) unsafe fn upgrade_of<'a>(raw: *const abi::Upgrade) -> Upgrade<'a> {
    // SAFETY: the server promises that all of it stays valid until the callback returns. A `Borrowed`
    // is a transparent `abi::Bytes`.
    unsafe {
        let raw = &*raw;
        Upgrade {
            method: Borrowed::new(raw.method),
            request: request_of(&raw.request, &*raw.tls),
            address: address_of(&raw.client),
            endpoint: raw.client.endpoint_id,
            offered: borrow(raw.offered.cast::<Borrowed<'a>>(), raw.offered_c),
        }
    }
}

/// # Safety
///
/// What `raw` and `tls` point at stays valid, and is not written to, for `'a`.
pub(super) unsafe fn request_of<'a>(raw: &abi::Request, tls: &abi::Tls) -> Request<'a> {
    // SAFETY: as the caller promises. A `RawHeader` has the layout of an `abi::Header`.
    unsafe {
        Request {
            path: Borrowed::new(raw.path),
            query: Borrowed::new(raw.query),
            host: Borrowed::new(raw.host),
            subprotocol: Borrowed::new(raw.subprotocol),
            headers: borrow(raw.headers.cast::<RawHeader<'a>>(), raw.header_c),
            tls: tls_of(tls),
            is_resumed: false,
        }
    }
}

/// # Safety
///
/// What `raw` points at stays valid, and is not written to, for `'a`.
unsafe fn tls_of<'a>(raw: &abi::Tls) -> Option<Tls<'a>> {
    // SAFETY: as the caller promises. A `Borrowed` is a transparent `abi::Bytes`.
    let (version, server_name, certificate) = unsafe {
        let certificate = ClientCertificate {
            subject: Borrowed::new(raw.subject),
            names: borrow(raw.alternative_names.cast::<Borrowed<'a>>(), raw.alternative_name_c),
        };
        (Borrowed::new(raw.version), Borrowed::new(raw.server_name), certificate)
    };
    let certificate = (raw.has_certificate != 0).then_some(certificate);
    (raw.version.size > 0).then_some(Tls { version, server_name, certificate })
}

pub(super) fn address_of(info: &abi::ClientInfo) -> Option<SocketAddr> {
    let ip = match info.family {
        abi::FAMILY_IPV4 => {
            let [a, b, c, d, ..] = info.ip;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        abi::FAMILY_IPV6 => IpAddr::V6(Ipv6Addr::from(info.ip)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, info.port))
}
