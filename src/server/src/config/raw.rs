//! The configuration file as it is written: one serde type per JSON object, every key optional.
//! Not for: defaults, ranges, or whether keys fit each other (`checked` and `apps`).
//!
//! What is said of each key here goes into the JSON schema as well (`tests/schema.rs`).

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, Visitor};

/// A key that is accepted for the original's sake; see `keys::obsolete`.
type Obsolete = Option<IgnoredAny>;

/// The configuration of RingSocket: /etc/ringsocket.json. Comments and trailing commas are allowed.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Root {
    /// Where this schema lies; for editors alone.
    #[serde(rename = "$schema")]
    schema: Option<String>,
    /// The least severe lines to log.
    pub(super) log_level: Option<String>,
    /// Threads that own connections. Default: one per processor, less one per app, at least 1.
    pub(super) worker_c: Option<u64>,
    /// On which CPUs workers run: "auto", "none", or a list with one for each worker.
    #[cfg_attr(test, schemars(schema_with = "cpus_schema"))]
    pub(super) worker_cpus: Option<Cpus>,
    /// The ports that systemd opens, and that are served. Default: those of its units as they stand. After a
    /// change: `systemctl daemon-reload`, and `systemctl restart ringsocket.socket`.
    pub(super) ports: Option<Vec<Port>>,
    /// The certificates of encrypted ports. Clients that name no host get the first.
    pub(super) certs: Option<Vec<Cert>>,
    /// Which apps to serve, and where. Default: each of the apps folder at `/NAME`.
    pub(super) apps: Option<Vec<App>>,
    /// Seconds for a refused client to close its side.
    pub(super) shutdown_wait_http: Option<u64>,
    /// Seconds for a client to answer a Close.
    pub(super) shutdown_wait_ws: Option<u64>,
    /// Seconds for a request head to arrive, a TLS handshake before it included.
    pub(super) http_head_wait: Option<u64>,
    /// Seconds for an app that is asked about a request to decide, before it is refused with 504.
    pub(super) upgrade_wait: Option<u64>,
    /// Seconds for a graceful stop: less than `TimeoutStopSec=` of ringsocket.service.
    pub(super) stop_wait: Option<u64>,
    /// Seconds for a client to take any byte of what waits for it.
    pub(super) write_stall_wait: Option<u64>,
    /// Seconds for the clients of an app that a reload replaces or removes to leave, before they are closed
    /// with code 1012. 0: they are at once.
    pub(super) drain_wait: Option<u64>,
    /// Seconds for the `init` of an app that a reload loads.
    pub(super) init_wait: Option<u64>,
    /// Connections in all.
    pub(super) fd_alloc_c: Option<u64>,
    /// The largest message, in bytes, either way.
    pub(super) max_ws_msg_size: Option<u64>,
    /// Bytes of one incoming message, with headers of its frames and control frames among them. Default:
    /// 1.1 times the largest message.
    pub(super) max_ws_frame_chain_size: Option<u64>,
    /// Bytes that may wait for a client that reads too slowly, before it is closed with code 1013.
    pub(super) max_backpressure: Option<u64>,
    /// The size of a client's request head, in bytes.
    pub(super) max_http_head_size: Option<u64>,
    /// How many headers a request head may hold.
    pub(super) max_http_header_c: Option<u64>,
    /// Bytes of each ring from a worker to an app: a power of two.
    pub(super) inbound_ring_buf_size: Option<u64>,
    /// Bytes of each ring from an app to a worker: a power of two.
    pub(super) outbound_ring_buf_size: Option<u64>,
    /// Bytes of large messages that may be under way to an app beside each ring.
    pub(super) inbound_block_budget: Option<u64>,
    /// Bytes of large messages that may be under way from an app beside its rings.
    pub(super) outbound_block_budget: Option<u64>,
    /// Bytes that messages which have come in part may hold, of all clients of a worker.
    pub(super) partial_budget: Option<u64>,
    /// Bytes that a worker reads at once.
    pub(super) worker_rbuf_size: Option<u64>,
    /// Events that a worker takes from the kernel at once.
    pub(super) epoll_buf_elem_c: Option<u64>,
    /// Seconds for a client to be silent before it is sent a ping. 0: it never is.
    pub(super) ping_wait: Option<u64>,
    /// Seconds for a client that was sent a ping to send anything, before it is closed with code 1008.
    pub(super) pong_wait: Option<u64>,
    /// The largest frame, in bytes.
    pub(super) max_ws_frame_size: Option<u64>,
    /// Frames of one message.
    pub(super) max_ws_fragment_c: Option<u64>,
    /// Messages that one connection may send per second. 0 for no limit.
    pub(super) max_ws_msg_rate: Option<u64>,
    /// Bytes that one connection may send per second. 0 for no limit.
    pub(super) max_ws_byte_rate: Option<u64>,
    /// Connections of one address, or one /64 network of IPv6. 0 for no limit. Default: a quarter of
    /// `fd_alloc_c`.
    pub(super) max_conn_c_per_addr: Option<u64>,
    /// Handshakes per second of one address, or one /64 network of IPv6. 0 for no limit.
    pub(super) max_handshake_rate_per_addr: Option<u64>,
    /// Topics that one client may be subscribed to. 0 for none.
    pub(super) max_topics_per_client: Option<u64>,
    /// Topics of one app that may have subscribers at a time. 0 for none.
    pub(super) max_topics_per_app: Option<u64>,
    /// Compression of messages (permessage-deflate): 0 for none, 1 (fast) to 9 (small).
    pub(super) deflate_level: Option<u64>,
    /// Messages of fewer bytes are sent as they are.
    pub(super) deflate_min_size: Option<u64>,
    /// Which side may keep the window of its compressor from one message to the next.
    pub(super) deflate_takeover: Option<String>,
    /// Connections that have such a window at most. Default: 1024, or `fd_alloc_c` if less.
    pub(super) deflate_takeover_c: Option<u64>,
    /// The size of the server's window, as a power of two.
    pub(super) deflate_server_window_bits: Option<u64>,
    /// The size of a client's window, as a power of two.
    pub(super) deflate_client_window_bits: Option<u64>,
    /// The path at which plain requests are told whether the daemon serves. "" for none.
    pub(super) health_path: Option<String>,
    /// The proxies whose word about a client's address is believed: addresses or networks. Default: none.
    pub(super) trusted_proxies: Option<Vec<String>>,
    /// Where proxies write a client's address.
    pub(super) forwarded_header: Option<String>,
    /// Whose code makes the records of TLS after the handshake.
    pub(super) record_layer: Option<String>,
    /// TLS handshakes under way, in all: beyond, the oldest is dropped.
    pub(super) max_tls_handshake_c: Option<u64>,
    #[cfg_attr(test, schemars(skip))]
    realloc_multiplier: Obsolete,
    #[cfg_attr(test, schemars(skip))]
    owrefs_elem_c: Obsolete,
    #[cfg_attr(test, schemars(skip))]
    update_queue_size: Obsolete,
}

/// What `worker_cpus` may be.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Cpus {
    /// `auto` or `none`.
    Word(String),
    /// Numbers of CPUs, in the order of the workers.
    List(Vec<u64>),
}

/// Written out, as the derived one would refer to a type of its own.
#[cfg(test)]
fn cpus_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "anyOf": [
        { "type": "string", "enum": ["auto", "none"] },
        {
            "type": "array",
            "items": { "type": "integer", "minimum": 0 },
            "minItems": 1,
            "uniqueItems": true,
        },
    ] })
}

/// A TCP port, or a unix socket.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Port {
    /// The TCP port. Each stands here once.
    pub(super) port_number: Option<u64>,
    /// Whether it is served without TLS (`ws://`); else `certs` is needed.
    pub(super) is_unencrypted: Option<bool>,
    /// Whether every connection begins with a header of the PROXY protocol, from one of `trusted_proxies`.
    pub(super) proxy_protocol: Option<bool>,
    /// Whether clients must show a certificate, may, or are not asked for one.
    pub(super) client_certs: Option<String>,
    /// A PEM file of those who may have issued the certificates of clients: an absolute path, or the name of a
    /// credential.
    pub(super) client_ca_path: Option<String>,
    /// A folder whose files are served to browsers on this port: an absolute path.
    pub(super) www_root: Option<String>,
    /// The addresses to listen on. Default: all of them.
    pub(super) ip_addrs: Option<Vec<String>>,
    /// The network interface that clients come in by. Default: any.
    pub(super) interface: Option<String>,
    /// Whether IPv6 is left out.
    pub(super) ipv4only: Option<bool>,
    /// Whether IPv4 is left out.
    pub(super) ipv6only: Option<bool>,
    /// Whether one socket takes both versions of IP, in place of one for each.
    pub(super) ipv4_is_embedded_in_ipv6: Option<bool>,
    /// In place of `port_number`: an absolute path of a unix socket, not in /run/ringsocket.
    pub(super) unix_path: Option<String>,
    /// Permissions of the unix socket, in octal.
    pub(super) unix_mode: Option<String>,
    /// The group that the unix socket belongs to. Default: root's.
    pub(super) unix_group: Option<String>,
}

/// A certificate, and the names that it is for.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Cert {
    /// The names it is for. `*.` before a name stands for one label.
    pub(super) hostnames: Option<Vec<String>>,
    /// The private key, PEM: an absolute path, or the name of a credential.
    pub(super) privkey_path: Option<String>,
    /// The chain, PEM, the server's own certificate first: an absolute path, or the name of a credential.
    pub(super) pubchain_path: Option<String>,
}

/// An app: a shared library and where it is reached.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct App {
    /// What it is called: 1 to 64 of `A-Z a-z 0-9 . _ -`, the first a letter or digit.
    pub(super) name: Option<String>,
    /// The shared library: an absolute path. Default: NAME.so in the apps folder.
    pub(super) app_path: Option<String>,
    /// Where it runs, if it allows other threads than its own: on a worker's while it sleeps and has been quick,
    /// never there, or there however slow it is.
    pub(super) threads: Option<String>,
    /// The URLs it is reached by. Default: `/NAME` on every host.
    pub(super) endpoints: Option<Vec<Endpoint>>,
    #[cfg_attr(test, schemars(skip))]
    no_open_cb: Obsolete,
    #[cfg_attr(test, schemars(skip))]
    no_close_cb: Obsolete,
    #[cfg_attr(test, schemars(skip))]
    wbuf_size: Obsolete,
    #[cfg_attr(test, schemars(skip))]
    update_queue_size: Obsolete,
}

/// A URL under which an app is reached.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(super) struct Endpoint {
    /// What the app knows it by; unique within the app.
    pub(super) endpoint_id: Option<u64>,
    /// Matched whole, never by prefix: `ws://example.com/chat`, `wss://...`, or a path for every host.
    pub(super) url: Option<String>,
    /// The web pages that may connect. Default: all.
    pub(super) allowed_origins: Option<Vec<String>>,
    /// A folder whose files are served to browsers at and below its path: an absolute path.
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
        for (shape, obsolete_c) in [(ROOT, 3), (PORT, 0), (APP, 4), (CERT, 0), (ENDPOINT, 0)] {
            let found = (shape.keys)()
                .iter()
                .filter(|key| super::super::keys::obsolete(key).is_some())
                .count();
            assert_eq!(found, obsolete_c, "{}", shape.title);
        }
    }
}
