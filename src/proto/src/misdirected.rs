//! Requests for one host on a connection that was encrypted for another (RFC 9110 sections 7.4 and
//! 15.5.20).
//! Not for: the choice of a certificate, nor of an endpoint (`upgrade`).

use crate::http::{self, Request};
use crate::response::Response;

/// The 421 for a request on a TLS connection whose client has asked for the certificate of
/// `server_name` (SNI, RFC 6066 section 3); `None` if the request is for the same host.
///
/// Names are the same whatever their case, and with or without the dot at the end of a full one
/// (RFC 1034 section 3.1); ports do not matter. A request that names no host is for the host of its
/// connection. Whoever has sent no server name may ask for any host, so this is not for them: clients
/// that connect to an address send none (RFC 6066 section 3).
pub fn refuse(request: &Request<'_>, server_name: &str) -> Option<Response> {
    let host = request.host().map(|host| http::split_host(host).0)?;
    let is_same = without_dot(host).eq_ignore_ascii_case(without_dot(server_name));
    let why = "The request is for another host than that for which its TLS connection was made \
               (SNI); use a connection of its own.";
    (!is_same && !host.is_empty()).then(|| Response::new(421, why))
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(target: &str, host: &str, server_name: &str) -> Option<u16> {
        let head = format!("GET {target} HTTP/1.1\r\nHost:{host}\r\n\r\n");
        let request = http::parse(head.as_bytes()).unwrap();
        refuse(&request, server_name).map(|response| response.status)
    }

    #[test]
    fn rfc9110_7_4_the_host_of_a_request_is_that_of_its_connection() {
        for host in
            ["example.com", "EXAMPLE.com", "example.com:8443", "example.com.", "example.com:", ""]
        {
            assert_eq!(status("/", host, "example.com"), None, "{host}");
            assert_eq!(status("/", host, "Example.Com."), None, "{host}");
        }
    }

    #[test]
    fn rfc9110_15_5_20_another_host_is_misdirected() {
        for host in [
            "example.org",
            "www.example.com",
            "com",
            "xexample.com",
            "example.com..",
            "example.comx:443",
            "127.0.0.1",
            "[::1]:443",
            ".",
        ] {
            assert_eq!(status("/", host, "example.com"), Some(421), "{host}");
        }
    }

    /// RFC 9112 section 3.2.2.
    #[test]
    fn the_host_of_an_absolute_target_counts() {
        assert_eq!(status("wss://a.example/x", "b.example", "a.example"), None);
        assert_eq!(status("wss://b.example/x", "a.example", "a.example"), Some(421));
    }

    #[test]
    fn who_names_no_host_means_that_of_the_connection() {
        let request = http::parse(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(refuse(&request, "example.com"), None);
    }
}
