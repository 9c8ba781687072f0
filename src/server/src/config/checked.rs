//! The raw configuration into the checked one: defaults, ranges, and whether values fit each other.
//! Not for: apps and their endpoints (`apps`), names and types (`parse`).

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use super::error::nearest;
use super::keys::{self, Number};
use super::parse::{Findings, Path};
use super::{
    Config, Limits, Surroundings, Waits, apps, certs, fixed, front, ports, raw, sockets, workers,
};
use crate::counted::counted;
use crate::log::Level;

/// The largest header of a client's frame: RFC 6455 section 5.2.
pub(super) const MAX_FRAME_HEADER: usize = 14;
const MIB: usize = 1 << 20;
const DEFAULT_FD_ALLOC_C: u64 = 4096;
/// What is under way to an app should still be in a processor's second-level cache when the app comes
/// to it, and when its answers go out.
const INBOUND_BLOCKS: usize = MIB;
/// Bytes that a worker reads at once. A little more than a round number, so that several messages of
/// a round size fit with their headers: one that comes in part is copied.
const RECEIVE_BUFFER: usize = 260 << 10;
/// The unit that is shipped has `TimeoutStopSec=30`; some of it is needed to wind up.
const LONGEST_SENSIBLE_STOP: u64 = 25;

/// Checks everything. Errors go into `findings`; with any there, the result is not to be used.
pub(super) fn check(raw: raw::Root, findings: &mut Findings<'_>, around: &Surroundings) -> Config {
    let root = Path::root();
    let log_level = log_level(&root.key("log_level"), raw.log_level.as_deref(), findings);
    let certs = certs::check(raw.certs.as_deref(), findings);
    let (ports, unix_sockets) =
        ports::check(&root.key("ports"), raw.ports.as_deref(), &certs, findings);
    let apps = apps::check(raw.apps.as_deref(), &ports, findings, around);
    certs::fit(&certs, (&ports, &unix_sockets), &apps, findings);
    let fixed = around.fixed.as_ref();
    let default = default_worker_c(&raw, around, apps.len());
    let worker_c = fixed::worker_c(fixed, &raw, default, apps.len(), findings);
    let worker_cpus = workers::check(&raw, worker_c, fixed, findings);
    let socket_c = sockets::count(&ports, &unix_sockets, worker_c, findings);
    let limits = limits(&raw, fds_beside(worker_c, apps.len(), socket_c), findings, around);
    let limits = fixed::limits(fixed, limits, findings);
    let waits = waits(&raw, findings);
    front::pace(&limits, findings);
    let deflate = front::deflate(&raw, limits.fd_alloc_c, findings);
    let health_path = front::health_path(raw.health_path.as_deref(), &apps, findings);
    let trusted_proxies = front::trusted_proxies(raw.trusted_proxies.as_deref(), findings);
    front::fit(&ports, &trusted_proxies, findings);
    let record_layer = certs::record_layer(raw.record_layer.as_deref(), findings);
    let forwarded_header = front::forwarded_header(raw.forwarded_header.as_deref(), findings);
    Config {
        log_level,
        worker_c,
        worker_cpus,
        ports,
        unix_sockets,
        certs,
        record_layer,
        apps_of_folder: raw.apps.is_none(),
        apps,
        limits,
        waits,
        deflate,
        health_path,
        trusted_proxies,
        forwarded_header,
    }
}

/// As many workers as there are processors that no app takes, unless they are listed with theirs.
pub(super) fn default_worker_c(raw: &raw::Root, around: &Surroundings, app_c: usize) -> usize {
    let of_cores = || around.cores.saturating_sub(app_c).max(around.heir_c);
    workers::listed_c(raw).unwrap_or_else(of_cores).clamp(1, to_usize(keys::WORKER_C.max))
}

/// File descriptors the daemon needs besides one per connection: standard streams, journal,
/// notification and a few sockets (64), four for each worker (epoll, eventfd, ...), two for each app;
/// and one for each socket of `ports` above those few.
pub(super) fn fds_beside(worker_c: usize, app_c: usize, socket_c: usize) -> usize {
    64 + 4 * worker_c + 2 * app_c + socket_c.saturating_sub(32)
}

fn log_level(path: &Path, given: Option<&str>, findings: &mut Findings<'_>) -> Level {
    let Some(given) = given else { return Level::default() };
    given.parse().unwrap_or_else(|_| {
        let hint = nearest(given, Level::ALL.map(Level::name));
        let hint = hint.map_or_else(String::new, |near| format!("did you mean \"{near}\"?"));
        let what = format!("`log_level` must be {}, not {given:?}", keys::expected("log_level"));
        findings.error(path, what, &hint);
        Level::default()
    })
}

fn limits(
    raw: &raw::Root,
    fds_beside: usize,
    findings: &mut Findings<'_>,
    around: &Surroundings,
) -> Limits {
    let root = Path::root();
    let max_ws_msg_size =
        number(&root, raw.max_ws_msg_size, keys::MAX_WS_MSG_SIZE, 16 * MIB, findings);
    let budget = (64 * MIB).max(max_ws_msg_size);
    let fd_alloc_c = fd_alloc_c(raw.fd_alloc_c, fds_beside, findings, around);
    let mut rate =
        |raw, key, default| NonZeroU64::new(number(&root, raw, key, default, findings) as u64);
    let max_ws_msg_rate = rate(raw.max_ws_msg_rate, keys::MAX_WS_MSG_RATE, 0);
    let max_ws_byte_rate = rate(raw.max_ws_byte_rate, keys::MAX_WS_BYTE_RATE, 0);
    // So that no address can take the place of all others.
    let max_conn_c_per_addr =
        rate(raw.max_conn_c_per_addr, keys::MAX_CONN_C_PER_ADDR, fd_alloc_c.div_ceil(4));
    let max_handshake_rate_per_addr =
        rate(raw.max_handshake_rate_per_addr, keys::MAX_HANDSHAKE_RATE_PER_ADDR, 200);
    let mut plain = |raw, key, default| number(&root, raw, key, default, findings);
    let limits = Limits {
        max_ws_msg_size,
        max_ws_frame_chain_size: plain(
            raw.max_ws_frame_chain_size,
            keys::MAX_WS_FRAME_CHAIN_SIZE,
            default_chain_size(max_ws_msg_size),
        ),
        max_backpressure: plain(raw.max_backpressure, keys::MAX_BACKPRESSURE, MIB),
        max_http_head_size: plain(raw.max_http_head_size, keys::MAX_HTTP_HEAD_SIZE, 8192),
        max_http_header_c: plain(raw.max_http_header_c, keys::MAX_HTTP_HEADER_C, 64),
        inbound_ring_buf_size: plain(raw.inbound_ring_buf_size, keys::INBOUND_RING_BUF_SIZE, MIB),
        outbound_ring_buf_size: plain(
            raw.outbound_ring_buf_size,
            keys::OUTBOUND_RING_BUF_SIZE,
            MIB,
        ),
        inbound_block_budget: plain(
            raw.inbound_block_budget,
            keys::INBOUND_BLOCK_BUDGET,
            INBOUND_BLOCKS,
        ),
        outbound_block_budget: plain(
            raw.outbound_block_budget,
            keys::OUTBOUND_BLOCK_BUDGET,
            budget,
        ),
        partial_budget: plain(raw.partial_budget, keys::PARTIAL_BUDGET, 4 * budget),
        worker_rbuf_size: plain(raw.worker_rbuf_size, keys::WORKER_RBUF_SIZE, RECEIVE_BUFFER),
        epoll_buf_elem_c: plain(raw.epoll_buf_elem_c, keys::EPOLL_BUF_ELEM_C, 100),
        max_ws_frame_size: plain(raw.max_ws_frame_size, keys::MAX_WS_FRAME_SIZE, max_ws_msg_size),
        max_ws_fragment_c: plain(raw.max_ws_fragment_c, keys::MAX_WS_FRAGMENT_C, 1 << 17),
        max_topics_per_client: plain(raw.max_topics_per_client, keys::MAX_TOPICS_PER_CLIENT, 64),
        max_topics_per_app: plain(raw.max_topics_per_app, keys::MAX_TOPICS_PER_APP, 1_000_000),
        max_tls_handshake_c: plain(raw.max_tls_handshake_c, keys::MAX_TLS_HANDSHAKE_C, 4096),
        fd_alloc_c,
        max_ws_msg_rate,
        max_ws_byte_rate,
        max_conn_c_per_addr,
        max_handshake_rate_per_addr,
    };
    fit(&limits, findings);
    limits
}

/// A tenth more than the message, as in the original; but room for some frames in any case.
fn default_chain_size(max_ws_msg_size: usize) -> usize {
    (max_ws_msg_size + max_ws_msg_size / 10).max(max_ws_msg_size + 1024)
}

/// Whether the limits fit each other. Defaults do, so every complaint is about a written key.
fn fit(limits: &Limits, findings: &mut Findings<'_>) {
    let root = Path::root();
    let msg = limits.max_ws_msg_size;
    if limits.max_ws_frame_chain_size < msg + MAX_FRAME_HEADER {
        let what = format!(
            "`max_ws_frame_chain_size` ({}) has no room for a message of `max_ws_msg_size` ({msg}) \
             and its frame header",
            limits.max_ws_frame_chain_size
        );
        let hint = format!(
            "write at least {}, or leave it out to have {}",
            msg + MAX_FRAME_HEADER,
            default_chain_size(msg)
        );
        findings.error(&root.key("max_ws_frame_chain_size"), what, &hint);
    }
    if limits.max_ws_frame_size > msg {
        let what = format!(
            "`max_ws_frame_size` ({}) is never reached: no frame is larger than its message, and \
             `max_ws_msg_size` is {msg}",
            limits.max_ws_frame_size
        );
        let hint = format!("write less than {msg}, or leave it out");
        findings.warn(&root.key(keys::MAX_WS_FRAME_SIZE.key), what, &hint);
    }
    for (key, size) in [
        (keys::INBOUND_RING_BUF_SIZE.key, limits.inbound_ring_buf_size),
        (keys::OUTBOUND_RING_BUF_SIZE.key, limits.outbound_ring_buf_size),
    ] {
        if !size.is_power_of_two() {
            let above = size.next_power_of_two();
            let hint = format!("write {} or {above}", above / 2);
            findings.error(&root.key(key), format!("`{key}` must be a power of two"), &hint);
        }
    }
    // On the way in, one message has room alone, whatever its size.
    for (key, budget) in [
        (keys::OUTBOUND_BLOCK_BUDGET.key, limits.outbound_block_budget),
        (keys::PARTIAL_BUDGET.key, limits.partial_budget),
    ] {
        if budget < msg {
            let what = format!(
                "`{key}` ({budget}) has no room for a message of `max_ws_msg_size` ({msg})"
            );
            findings.error(&root.key(key), what, &format!("write at least {msg}"));
        }
    }
    let (head, needed) = (limits.max_http_head_size, inbound_ring_needed(limits));
    if limits.inbound_ring_buf_size < needed {
        let key = keys::INBOUND_RING_BUF_SIZE.key;
        let what = format!(
            "`{key}` ({}) is too small for request heads of `max_http_head_size` ({head})",
            limits.inbound_ring_buf_size
        );
        let hint = format!("write at least {}", needed.next_power_of_two());
        findings.error(&root.key(key), what, &hint);
    }
}

/// The least size of an inbound ring. When a client opens its app is told of its connection and its
/// whole request head, with lengths of all fields, host and subprotocol twice; a ring takes records of
/// up to half its size.
pub(super) fn inbound_ring_needed(limits: &Limits) -> usize {
    let told = crate::tls::Identity::MAX_TOLD_SIZE;
    2 * (2 * limits.max_http_head_size + 8 * limits.max_http_header_c + told + 256)
}

fn fd_alloc_c(
    given: Option<u64>,
    beside: usize,
    findings: &mut Findings<'_>,
    around: &Surroundings,
) -> usize {
    let path = Path::root().key("fd_alloc_c");
    let wanted =
        number(&Path::root(), given, keys::FD_ALLOC_C, to_usize(DEFAULT_FD_ALLOC_C), findings);
    let Some(nofile) = around.nofile.map(to_usize) else { return wanted };
    if wanted.saturating_add(beside) <= nofile {
        return wanted;
    }
    let room = nofile.saturating_sub(beside);
    let limit = format!(
        "this process may open only {nofile} files, of which {beside} serve other purposes than \
         connections"
    );
    let raise = format!("set LimitNOFILE={} in ringsocket.service", wanted + beside);
    if room == 0 {
        findings.error(&path, limit, &raise);
    } else if given.is_some() {
        let what = format!("`fd_alloc_c` ({wanted}) is out of reach: {limit}");
        findings.error(&path, what, &format!("{raise}, or write at most {room}"));
    } else {
        let what = format!("at most {} will be taken: {limit}", counted(room, "connection"));
        findings.warn(&path, what, &format!("for {wanted} connections, {raise}"));
    }
    room
}

fn waits(raw: &raw::Root, findings: &mut Findings<'_>) -> Waits {
    let root = Path::root();
    let mut seconds =
        |raw, key, default| Duration::from_secs(number(&root, raw, key, default, findings) as u64);
    let ping = seconds(raw.ping_wait, keys::PING_WAIT, 30);
    let waits = Waits {
        http_head: seconds(raw.http_head_wait, keys::HTTP_HEAD_WAIT, 10),
        upgrade: seconds(raw.upgrade_wait, keys::UPGRADE_WAIT, 10),
        shutdown_wait_http: seconds(raw.shutdown_wait_http, keys::SHUTDOWN_WAIT_HTTP, 15),
        shutdown_wait_ws: seconds(raw.shutdown_wait_ws, keys::SHUTDOWN_WAIT_WS, 30),
        stop: seconds(raw.stop_wait, keys::STOP_WAIT, 20),
        write_stall: seconds(raw.write_stall_wait, keys::WRITE_STALL_WAIT, 30),
        drain: seconds(raw.drain_wait, keys::DRAIN_WAIT, 60),
        init: seconds(raw.init_wait, keys::INIT_WAIT, 10),
        ping: (!ping.is_zero()).then_some(ping),
        pong: seconds(raw.pong_wait, keys::PONG_WAIT, 20),
    };
    if waits.stop.as_secs() > LONGEST_SENSIBLE_STOP {
        let what = "systemd kills a service whose stop takes longer than `TimeoutStopSec=`";
        let hint = format!(
            "write at most {LONGEST_SENSIBLE_STOP}, or set TimeoutStopSec={} in ringsocket.service",
            waits.stop.as_secs() + 10
        );
        findings.warn(&root.key("stop_wait"), what, &hint);
    }
    waits
}

/// A number in its range, or the default after a complaint.
pub(super) fn number(
    object: &Path,
    given: Option<u64>,
    key: Number,
    default: usize,
    findings: &mut Findings<'_>,
) -> usize {
    match given {
        None => default,
        Some(given) if (key.min..=key.max).contains(&given) => to_usize(given),
        Some(given) => {
            let what = format!("`{}` must be {}, not {given}", key.key, key.expected());
            findings.error(&object.key(key.key), what, "");
            default
        }
    }
}

/// A 16-bit number that must be written; `example` is one. `None` after a complaint.
pub(super) fn required(
    object: &Path,
    given: Option<u64>,
    key: Number,
    example: u16,
    findings: &mut Findings<'_>,
) -> Option<u16> {
    let path = object.key(key.key);
    if given.is_none() {
        missing(&path, key.key, &format!("add \"{}\": {example}", key.key), findings);
        return None;
    }
    let in_range = given.filter(|given| (key.min..=key.max).contains(given));
    number(object, given, key, 0, findings);
    in_range.and_then(|given| u16::try_from(given).ok())
}

/// Complains about a key that must be written, unless it is there with a type that was refused.
pub(super) fn missing(path: &Path, key: &str, add: &str, findings: &mut Findings<'_>) {
    if !findings.is_written(path) {
        findings.error(path, format!("`{key}` is missing"), add);
    }
}

/// An absolute path of a folder that exists; complains otherwise.
pub(super) fn folder(
    path: &Path,
    given: Option<&str>,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
    let folder = absolute(path, given?, "/usr/share/ringsocket/www", findings)?;
    match std::fs::metadata(&folder) {
        Ok(about) if about.is_dir() => return Some(folder),
        Ok(_) => findings.error(path, format!("{} is no folder", folder.display()), ""),
        Err(error) => {
            findings.error(path, format!("cannot read {}: {error}", folder.display()), "");
        }
    }
    None
}

/// An absolute path; complains otherwise.
pub(super) fn absolute(
    path: &Path,
    given: &str,
    example: &str,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
    if given.starts_with('/') && !given.contains('\0') {
        return Some(PathBuf::from(given));
    }
    let hint = format!("write it from the root on, such as {example}");
    findings.error(path, format!("{given:?} is not an absolute path"), &hint);
    None
}

/// Lossless on 64-bit machines; elsewhere a number too large for memory means "no limit".
fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
