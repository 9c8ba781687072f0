//! What only a start can set. A reload leaves it as it is, says so, and checks everything else against
//! it.
//! Not for: what else a reload can or cannot change (the server).

use super::checked::{self, number};
use super::keys::{self, Number};
use super::parse::{Findings, Path};
use super::{Config, Limits, WorkerCpus, raw};

/// What a running daemon has of the configuration that it was started with.
#[derive(Clone, Debug)]
pub struct Fixed {
    worker_c: usize,
    pub(super) worker_cpus: WorkerCpus,
    /// Of which the default of `worker_c` was made.
    app_c: usize,
    inbound_ring_buf_size: usize,
    outbound_ring_buf_size: usize,
    epoll_buf_elem_c: usize,
}

impl Fixed {
    /// That of a daemon which is started with this configuration.
    pub fn of(config: &Config) -> Self {
        let Limits { inbound_ring_buf_size, outbound_ring_buf_size, epoll_buf_elem_c, .. } =
            config.limits;
        let (worker_c, app_c) = (config.worker_c, config.apps.len());
        let worker_cpus = config.worker_cpus.clone();
        Self {
            worker_c,
            worker_cpus,
            app_c,
            inbound_ring_buf_size,
            outbound_ring_buf_size,
            epoll_buf_elem_c,
        }
    }
}

/// How many workers there are, of which so many are wanted.
pub(super) fn worker_c(
    fixed: Option<&Fixed>,
    raw: &raw::Root,
    default: usize,
    app_c: usize,
    findings: &mut Findings<'_>,
) -> usize {
    let wanted = number(&Path::root(), raw.worker_c, keys::WORKER_C, default, findings);
    let Some(fixed) = fixed else { return wanted };
    // With more or fewer apps another default is no wish of anybody's.
    if raw.worker_c.is_some() || app_c == fixed.app_c {
        stay(keys::WORKER_C, wanted, fixed.worker_c, findings);
    }
    fixed.worker_c
}

/// The limits, but for those that stay what they are.
pub(super) fn limits(fixed: Option<&Fixed>, wanted: Limits, findings: &mut Findings<'_>) -> Limits {
    let Some(&Fixed { inbound_ring_buf_size, outbound_ring_buf_size, epoll_buf_elem_c, .. }) =
        fixed
    else {
        return wanted;
    };
    for (key, wanted, fixed) in [
        (keys::INBOUND_RING_BUF_SIZE, wanted.inbound_ring_buf_size, inbound_ring_buf_size),
        (keys::OUTBOUND_RING_BUF_SIZE, wanted.outbound_ring_buf_size, outbound_ring_buf_size),
        (keys::EPOLL_BUF_ELEM_C, wanted.epoll_buf_elem_c, epoll_buf_elem_c),
    ] {
        stay(key, wanted, fixed, findings);
    }
    let needed = checked::inbound_ring_needed(&wanted);
    if inbound_ring_buf_size < needed {
        let key = keys::MAX_HTTP_HEAD_SIZE.key;
        let what = format!(
            "request heads of `{key}` ({}) take an `inbound_ring_buf_size` of {needed} at least, and \
             without a restart it stays {inbound_ring_buf_size}",
            wanted.max_http_head_size
        );
        findings.error(&Path::root().key(key), what, "restart the service for it");
    }
    Limits { inbound_ring_buf_size, outbound_ring_buf_size, epoll_buf_elem_c, ..wanted }
}

fn stay(key: Number, wanted: usize, fixed: usize, findings: &mut Findings<'_>) {
    if wanted != fixed {
        let what = format!("`{}` ({wanted}) stays {fixed} until the service is restarted", key.key);
        findings.warn(&Path::root().key(key.key), what, "");
    }
}
