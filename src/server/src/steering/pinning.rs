//! Which CPU each worker runs on (sched_setaffinity(2)).
//! Not for: what that has to do with connections (the module above).

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::config::WorkerCpus;
use crate::log;

/// The CPUs of the workers.
#[derive(Debug)]
pub struct Pinning {
    cpus: Vec<usize>,
    /// Whether it was said that workers cannot be pinned: once is enough.
    was_refused: AtomicBool,
}

impl Pinning {
    pub(super) fn new(cpus: Vec<usize>) -> Self {
        Self { cpus, was_refused: AtomicBool::new(false) }
    }

    /// Binds the calling thread, which is to be this worker, to its CPU. Or else it runs where the
    /// scheduler puts it, and the log says why.
    pub fn pin(&self, worker: usize) {
        let Some(&cpu) = self.cpus.get(worker) else { return };
        let mut set = CpuSet::new();
        set.set(cpu);
        let Err(error) = sched_setaffinity(None, &set) else { return };
        if !self.was_refused.swap(true, Ordering::Relaxed) {
            log::notice!(
                worker: worker,
                "cannot be pinned to CPU {cpu}: {error}; workers run where the kernel puts them. In \
                 a service, sched_setaffinity must be in its SystemCallFilter=, and the CPU in \
                 AllowedCPUs="
            );
        }
    }
}

/// The CPUs that this process may use, in ascending order; none if that is not to be had.
pub(super) fn allowed() -> Vec<usize> {
    // EINVAL: there are more CPUs than a set of this size has.
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
}

/// The CPU of each worker; `None`: they are not pinned. `is_of_use` says whether any connection can be
/// steered then.
pub(super) fn assign(
    wish: &WorkerCpus,
    worker_c: usize,
    is_of_use: bool,
    allowed: &[usize],
) -> Option<Vec<usize>> {
    match wish {
        WorkerCpus::None => None,
        WorkerCpus::List(cpus) => Some(cpus.clone()),
        // Two workers on one CPU would wait for each other while others are idle.
        WorkerCpus::Auto if !is_of_use || allowed.len() < worker_c => None,
        WorkerCpus::Auto => Some(allowed[..worker_c].to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_have_cpus_of_their_own_or_none_at_all() {
        let auto = |worker_c, is_of_use, allowed: &[usize]| {
            assign(&WorkerCpus::Auto, worker_c, is_of_use, allowed)
        };
        assert_eq!(auto(2, true, &[1, 4, 6]), Some(vec![1, 4]));
        assert_eq!(auto(3, true, &[1, 4, 6]), Some(vec![1, 4, 6]));
        assert_eq!(auto(4, true, &[1, 4, 6]), None, "fewer CPUs than workers");
        assert_eq!(auto(2, false, &[1, 4, 6]), None, "nothing to steer");
        assert_eq!(auto(1, true, &[]), None, "unknown CPUs");
        assert_eq!(assign(&WorkerCpus::None, 2, true, &[0, 1]), None);
        let list = WorkerCpus::List(vec![3, 1]);
        assert_eq!(assign(&list, 2, false, &[0]), Some(vec![3, 1]), "who asks for it gets it");
    }

    #[test]
    fn a_pinned_thread_runs_on_its_cpu_and_a_refusal_ends_nothing() {
        let all = allowed();
        assert!(!all.is_empty());
        for &cpu in &all {
            let pinned = std::thread::spawn(move || {
                Pinning::new(vec![CpuSet::MAX_CPU - 1, cpu]).pin(1);
                allowed()
            });
            assert_eq!(pinned.join().unwrap(), [cpu]);
        }
        let refused = std::thread::spawn(|| {
            Pinning::new(vec![CpuSet::MAX_CPU - 1]).pin(0); // no machine has as many
            allowed()
        });
        assert_eq!(refused.join().unwrap(), all);
    }
}
