//! What each configuration key takes: ranges, defaults and the words for them; and which keys of
//! the original RingSocket have nothing left to set.
//! Not for: how keys depend on each other (`checked`).

use crate::message::MAX_WORKERS;
use crate::sys::epoll::EVENTS_MAX;

/// A key that holds a whole number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) key: &'static str,
    pub(super) min: u64,
    pub(super) max: u64,
    /// What the number counts, for messages.
    pub(super) unit: &'static str,
}

const fn number(key: &'static str, min: u64, max: u64, unit: &'static str) -> Number {
    Number { key, min, max, unit }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// A day, in seconds: longer waits are mistakes of unit.
const DAY: u64 = 86_400;

pub(super) const WORKER_C: Number = number("worker_c", 1, MAX_WORKERS as u64, "threads");
pub(super) const PORT_NUMBER: Number = number("port_number", 1, 65_535, "");
pub(super) const ENDPOINT_ID: Number = number("endpoint_id", 0, 65_535, "");
pub(super) const SHUTDOWN_WAIT_HTTP: Number = number("shutdown_wait_http", 1, DAY, "seconds");
pub(super) const SHUTDOWN_WAIT_WS: Number = number("shutdown_wait_ws", 1, DAY, "seconds");
pub(super) const HTTP_HEAD_WAIT: Number = number("http_head_wait", 1, DAY, "seconds");
pub(super) const UPGRADE_WAIT: Number = number("upgrade_wait", 1, DAY, "seconds");
pub(super) const STOP_WAIT: Number = number("stop_wait", 1, DAY, "seconds");
/// 0: none is left.
pub(super) const DRAIN_WAIT: Number = number("drain_wait", 0, DAY, "seconds");
pub(super) const INIT_WAIT: Number = number("init_wait", 1, DAY, "seconds");
pub(super) const WRITE_STALL_WAIT: Number = number("write_stall_wait", 1, DAY, "seconds");
pub(super) const FD_ALLOC_C: Number = number("fd_alloc_c", 1, 16 * MIB, "connections");
pub(super) const MAX_WS_MSG_SIZE: Number = number("max_ws_msg_size", 1, GIB, "bytes");
pub(super) const MAX_WS_FRAME_CHAIN_SIZE: Number =
    number("max_ws_frame_chain_size", 16, 2 * GIB, "bytes");
pub(super) const MAX_BACKPRESSURE: Number = number("max_backpressure", 4 * KIB, 4 * GIB, "bytes");
pub(super) const MAX_HTTP_HEAD_SIZE: Number = number("max_http_head_size", 512, 64 * KIB, "bytes");
pub(super) const MAX_HTTP_HEADER_C: Number = number("max_http_header_c", 8, 256, "headers");
/// At least 64 KiB, so that a power of two is a multiple of every page size Linux uses.
pub(super) const INBOUND_RING_BUF_SIZE: Number =
    number("inbound_ring_buf_size", 64 * KIB, GIB, "bytes");
/// See [`INBOUND_RING_BUF_SIZE`].
pub(super) const OUTBOUND_RING_BUF_SIZE: Number =
    number("outbound_ring_buf_size", 64 * KIB, GIB, "bytes");
pub(super) const INBOUND_BLOCK_BUDGET: Number =
    number("inbound_block_budget", 64 * KIB, 64 * GIB, "bytes");
pub(super) const OUTBOUND_BLOCK_BUDGET: Number =
    number("outbound_block_budget", 64 * KIB, 64 * GIB, "bytes");
pub(super) const PARTIAL_BUDGET: Number = number("partial_budget", 64 * KIB, 64 * GIB, "bytes");
pub(super) const WORKER_RBUF_SIZE: Number = number("worker_rbuf_size", 4 * KIB, GIB, "bytes");
pub(super) const EPOLL_BUF_ELEM_C: Number =
    number("epoll_buf_elem_c", 1, EVENTS_MAX as u64, "events");
/// 0: never.
pub(super) const PING_WAIT: Number = number("ping_wait", 0, DAY, "seconds");
pub(super) const PONG_WAIT: Number = number("pong_wait", 1, DAY, "seconds");
pub(super) const MAX_WS_FRAME_SIZE: Number = number("max_ws_frame_size", 1, GIB, "bytes");
pub(super) const MAX_WS_FRAGMENT_C: Number = number("max_ws_fragment_c", 1, GIB, "fragments");
/// 0: as many as come; so are the other rates.
pub(super) const MAX_WS_MSG_RATE: Number = number("max_ws_msg_rate", 0, MIB, "messages");
pub(super) const MAX_WS_BYTE_RATE: Number = number("max_ws_byte_rate", 0, 64 * GIB, "bytes");
pub(super) const MAX_CONN_C_PER_ADDR: Number =
    number("max_conn_c_per_addr", 0, 16 * MIB, "connections");
pub(super) const MAX_HANDSHAKE_RATE_PER_ADDR: Number =
    number("max_handshake_rate_per_addr", 0, MIB, "handshakes");
/// 0: none can be subscribed to; so is the next. Searched from end to end, and so not larger.
pub(super) const MAX_TOPICS_PER_CLIENT: Number =
    number("max_topics_per_client", 0, 10_000, "topics");
pub(super) const MAX_TOPICS_PER_APP: Number = number("max_topics_per_app", 0, 16 * MIB, "topics");
pub(super) const MAX_TLS_HANDSHAKE_C: Number =
    number("max_tls_handshake_c", 1, 16 * MIB, "handshakes");
/// 0: no compression.
pub(super) const DEFLATE_LEVEL: Number = number("deflate_level", 0, 9, "");
pub(super) const DEFLATE_MIN_SIZE: Number = number("deflate_min_size", 0, GIB, "bytes");
pub(super) const DEFLATE_TAKEOVER_C: Number =
    number("deflate_takeover_c", 0, 16 * MIB, "connections");
pub(super) const DEFLATE_SERVER_WINDOW_BITS: Number =
    number("deflate_server_window_bits", 9, 15, "");
pub(super) const DEFLATE_CLIENT_WINDOW_BITS: Number =
    number("deflate_client_window_bits", 9, 15, "");

const NUMBERS: [Number; 40] = [
    WORKER_C,
    PORT_NUMBER,
    ENDPOINT_ID,
    SHUTDOWN_WAIT_HTTP,
    SHUTDOWN_WAIT_WS,
    HTTP_HEAD_WAIT,
    UPGRADE_WAIT,
    STOP_WAIT,
    WRITE_STALL_WAIT,
    DRAIN_WAIT,
    INIT_WAIT,
    FD_ALLOC_C,
    MAX_WS_MSG_SIZE,
    MAX_WS_FRAME_CHAIN_SIZE,
    MAX_BACKPRESSURE,
    MAX_HTTP_HEAD_SIZE,
    MAX_HTTP_HEADER_C,
    INBOUND_RING_BUF_SIZE,
    OUTBOUND_RING_BUF_SIZE,
    INBOUND_BLOCK_BUDGET,
    OUTBOUND_BLOCK_BUDGET,
    PARTIAL_BUDGET,
    WORKER_RBUF_SIZE,
    EPOLL_BUF_ELEM_C,
    PING_WAIT,
    PONG_WAIT,
    MAX_WS_FRAME_SIZE,
    MAX_WS_FRAGMENT_C,
    MAX_WS_MSG_RATE,
    MAX_WS_BYTE_RATE,
    MAX_CONN_C_PER_ADDR,
    MAX_HANDSHAKE_RATE_PER_ADDR,
    MAX_TOPICS_PER_CLIENT,
    MAX_TOPICS_PER_APP,
    MAX_TLS_HANDSHAKE_C,
    DEFLATE_LEVEL,
    DEFLATE_MIN_SIZE,
    DEFLATE_TAKEOVER_C,
    DEFLATE_SERVER_WINDOW_BITS,
    DEFLATE_CLIENT_WINDOW_BITS,
];

/// The range of a key that holds a whole number.
#[cfg(test)]
pub(super) fn range(key: &str) -> Option<(u64, u64)> {
    NUMBERS.iter().find(|number| number.key == key).map(|number| (number.min, number.max))
}

impl Number {
    /// The words that follow "must be".
    pub(super) fn expected(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        format!("a whole number from {} to {}{unit}", self.min, self.max)
    }
}

/// The words that follow "`key` must be".
pub(super) fn expected(key: &str) -> String {
    if let Some(number) = NUMBERS.iter().find(|number| number.key == key) {
        return number.expected();
    }
    match key {
        "is_unencrypted" | "proxy_protocol" => "true or false".into(),
        "ipv4only" | "ipv6only" | "ipv4_is_embedded_in_ipv6" => "true or false".into(),
        "ip_addrs" => "an array of strings, as in [\"127.0.0.1\", \"::1\"]".into(),
        "interface" => "a string with the name of a network interface, as in \"eth0\"".into(),
        "unix_path" => "a string with an absolute path, as in \"/run/ringsocket.sock\"".into(),
        "unix_mode" => "a string with octal permissions, as in \"0660\"".into(),
        "unix_group" => "a string with the name of a group, as in \"www-data\"".into(),
        "deflate_takeover" => "\"none\", \"client\", \"server\" or \"both\"".into(),
        "worker_cpus" => {
            "\"auto\", \"none\", or an array with the CPU of each worker, as in [0, 1]".into()
        }
        "threads" => "\"auto\", \"own\" or \"any\"".into(),
        "client_certs" => "\"none\", \"optional\" or \"required\"".into(),
        "record_layer" => "\"ringsocket\" or \"rustls\"".into(),
        "hostnames" => "an array of strings, as in [\"example.com\", \"*.example.com\"]".into(),
        "privkey_path" | "pubchain_path" | "client_ca_path" => {
            "a string with an absolute path, or with the name of a credential".into()
        }
        "forwarded_header" => "\"x-forwarded-for\", \"forwarded\" or \"none\"".into(),
        "health_path" => "a string with a path, as in \"health_path\": \"/healthz\"".into(),
        "trusted_proxies" => "an array of strings, as in [\"127.0.0.1\", \"10.0.0.0/8\"]".into(),
        "$schema" => "a string".into(),
        "log_level" => "\"error\", \"warning\", \"notice\", \"info\" or \"debug\"".into(),
        "name" => "a string, as in \"name\": \"echo\"".into(),
        "app_path" | "www_root" => "a string with an absolute path".into(),
        "url" => "a string, as in \"url\": \"ws://example.com/echo\" or \"url\": \"/echo\"".into(),
        "allowed_origins" => "an array of strings, as in [\"https://example.com\"]".into(),
        "ports" | "apps" | "endpoints" | "certs" => "an array of objects: [{ ... }]".into(),
        _ => "another kind of value".into(),
    }
}

/// Why a key of the original RingSocket does nothing here, or `None` for a key that does
/// something. The words follow "`key` does nothing here: ".
pub(super) fn obsolete(key: &str) -> Option<&'static str> {
    Some(match key {
        "update_queue_size" => {
            "the rings publish with release and acquire ordering and need no queue of updates"
        }
        "realloc_multiplier" => "buffers grow by themselves, up to their limits",
        "owrefs_elem_c" => "a worker hands every outbound message on before it releases the ring",
        "wbuf_size" => {
            "messages are written into the outbound ring, whose size is \
                        `outbound_ring_buf_size`"
        }
        "no_open_cb" | "no_close_cb" => {
            "the daemon sees by itself which callbacks an app leaves out"
        }
        _ => return None,
    })
}
