//! The configuration file as it is written: one serde type per JSON object, every key optional.
//! Not for: defaults, ranges, or whether keys fit each other (`checked` and `apps`).

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, Visitor};

/// A key that is accepted for the original's sake; see `keys::obsolete`.
type Obsolete = Option<IgnoredAny>;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Root {
    pub(super) log_level: Option<String>,
    pub(super) worker_c: Option<u64>,
    pub(super) ports: Option<Vec<Port>>,
    pub(super) certs: Option<Vec<Cert>>,
    pub(super) apps: Option<Vec<App>>,
    pub(super) shutdown_wait_http: Option<u64>,
    pub(super) shutdown_wait_ws: Option<u64>,
    pub(super) http_head_wait: Option<u64>,
    pub(super) upgrade_wait: Option<u64>,
    pub(super) stop_wait: Option<u64>,
    pub(super) write_stall_wait: Option<u64>,
    pub(super) drain_wait: Option<u64>,
    pub(super) init_wait: Option<u64>,
    pub(super) fd_alloc_c: Option<u64>,
    pub(super) max_ws_msg_size: Option<u64>,
    pub(super) max_ws_frame_chain_size: Option<u64>,
    pub(super) max_backpressure: Option<u64>,
    pub(super) max_http_head_size: Option<u64>,
    pub(super) max_http_header_c: Option<u64>,
    pub(super) inbound_ring_buf_size: Option<u64>,
    pub(super) outbound_ring_buf_size: Option<u64>,
    pub(super) inbound_block_budget: Option<u64>,
    pub(super) outbound_block_budget: Option<u64>,
    pub(super) partial_budget: Option<u64>,
    pub(super) worker_rbuf_size: Option<u64>,
    pub(super) epoll_buf_elem_c: Option<u64>,
    pub(super) ping_wait: Option<u64>,
    pub(super) pong_wait: Option<u64>,
    pub(super) max_ws_frame_size: Option<u64>,
    pub(super) max_ws_fragment_c: Option<u64>,
    pub(super) max_ws_msg_rate: Option<u64>,
    pub(super) max_ws_byte_rate: Option<u64>,
    pub(super) max_conn_c_per_addr: Option<u64>,
    pub(super) max_handshake_rate_per_addr: Option<u64>,
    pub(super) max_topics_per_client: Option<u64>,
    pub(super) max_topics_per_app: Option<u64>,
    pub(super) deflate_level: Option<u64>,
    pub(super) deflate_min_size: Option<u64>,
    pub(super) deflate_takeover: Option<String>,
    pub(super) deflate_takeover_c: Option<u64>,
    pub(super) deflate_server_window_bits: Option<u64>,
    pub(super) deflate_client_window_bits: Option<u64>,
    pub(super) health_path: Option<String>,
    pub(super) trusted_proxies: Option<Vec<String>>,
    pub(super) forwarded_header: Option<String>,
    realloc_multiplier: Obsolete,
    owrefs_elem_c: Obsolete,
    update_queue_size: Obsolete,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Port {
    pub(super) port_number: Option<u64>,
    pub(super) is_unencrypted: Option<bool>,
    pub(super) proxy_protocol: Option<bool>,
    pub(super) www_root: Option<String>,
    ip_addrs: Obsolete,
    interface: Obsolete,
    ipv4only: Obsolete,
    ipv6only: Obsolete,
    ipv4_is_embedded_in_ipv6: Obsolete,
}

/// Read so that a file written for a version with TLS gets one clear message, not several.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Cert {
    hostnames: Option<IgnoredAny>,
    privkey_path: Option<IgnoredAny>,
    pubchain_path: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct App {
    pub(super) name: Option<String>,
    pub(super) app_path: Option<String>,
    pub(super) threads: Option<String>,
    pub(super) endpoints: Option<Vec<Endpoint>>,
    no_open_cb: Obsolete,
    no_close_cb: Obsolete,
    wbuf_size: Obsolete,
    update_queue_size: Obsolete,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Endpoint {
    pub(super) endpoint_id: Option<u64>,
    pub(super) url: Option<String>,
    pub(super) allowed_origins: Option<Vec<String>>,
    pub(super) www_root: Option<String>,
}

/// The keys that may stand in one JSON object, and what stands under them.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Where such an object stands, for messages.
    pub(super) title: &'static str,
    pub(super) keys: fn() -> &'static [&'static str],
    /// The keys whose value is an array of objects.
    pub(super) children: &'static [(&'static str, Shape)],
}

const ENDPOINT: Shape = Shape { title: "an endpoint", keys: keys_of::<Endpoint>, children: &[] };
const APP: Shape =
    Shape { title: "an app", keys: keys_of::<App>, children: &[("endpoints", ENDPOINT)] };
const PORT: Shape = Shape { title: "a port", keys: keys_of::<Port>, children: &[] };
const CERT: Shape = Shape { title: "a certificate", keys: keys_of::<Cert>, children: &[] };
pub(super) const ROOT: Shape = Shape {
    title: "the configuration",
    keys: keys_of::<Root>,
    children: &[("ports", PORT), ("certs", CERT), ("apps", APP)],
};

/// The field names serde knows for `T`: asked of the derived code, so that no second list can
/// fall behind.
fn keys_of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    struct Ask<'k>(&'k mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("only the field names were asked for"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut keys: &'static [&'static str] = &[];
    // Always an error: the answer is what `Ask` noted down on the way.
    let _ = T::deserialize(Ask(&mut keys));
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_names_its_keys() {
        assert!((ROOT.keys)().contains(&"log_level"));
        assert!((ROOT.keys)().contains(&"update_queue_size"));
        assert_eq!(
            (ENDPOINT.keys)(),
            ["endpoint_id", "url", "allowed_origins", "www_root"].as_slice()
        );
    }

    #[test]
    fn every_obsolete_key_has_its_reason_and_no_other_key_has_one() {
        let live = ["log_level", "apps", "port_number", "app_path", "url", "worker_rbuf_size"];
        assert!(live.iter().all(|key| super::super::keys::obsolete(key).is_none()));
        for (shape, obsolete_c) in [(ROOT, 3), (PORT, 5), (APP, 4), (CERT, 0), (ENDPOINT, 0)] {
            let found = (shape.keys)()
                .iter()
                .filter(|key| super::super::keys::obsolete(key).is_some())
                .count();
            assert_eq!(found, obsolete_c, "{}", shape.title);
        }
    }
}
