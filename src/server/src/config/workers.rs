//! On which CPUs the workers run.
//! Not for: how many workers there are (`fixed`), or pinning them (`steering`).

use rustix::thread::CpuSet;

use super::error::nearest;
use super::fixed::Fixed;
use super::parse::{Findings, Path};
use super::{keys, raw};
use crate::counted::counted;

/// The key.
const KEY: &str = "worker_cpus";

/// On which CPUs workers run, and so which connections they are given where ports have a socket per
/// worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WorkerCpus {
    /// A CPU for each worker where that is of use: ports have a socket per worker, and there are at
    /// least as many CPUs as workers.
    #[default]
    Auto,
    /// Wherever the scheduler puts them; connections are spread without a look at CPUs.
    None,
    /// The CPUs of the workers, in their order: as many, and each once.
    List(Vec<usize>),
}

/// What `worker_cpus` may say in a word.
const WORDS: [(&str, WorkerCpus); 2] = [("auto", WorkerCpus::Auto), ("none", WorkerCpus::None)];

/// How many workers are meant by those who say nothing but where they run.
pub(super) fn listed_c(raw: &raw::Root) -> Option<usize> {
    match &raw.worker_cpus {
        Some(raw::Cpus::List(cpus)) if !cpus.is_empty() => Some(cpus.len()),
        _ => None,
    }
}

/// Where so many workers run.
pub(super) fn check(
    raw: &raw::Root,
    worker_c: usize,
    fixed: Option<&Fixed>,
    findings: &mut Findings<'_>,
) -> WorkerCpus {
    let path = Path::root().key(KEY);
    let wanted = match &raw.worker_cpus {
        None => WorkerCpus::Auto,
        Some(raw::Cpus::Word(given)) => word(&path, given, findings),
        Some(raw::Cpus::List(cpus)) => list(&path, cpus, findings),
    };
    if let Some(fixed) = fixed {
        if wanted != fixed.worker_cpus {
            let what = format!("`{KEY}` stays what it is until the service is restarted");
            findings.warn(&path, what, "");
        }
        return fixed.worker_cpus.clone();
    }
    if let Some(listed) = listed_c(raw).filter(|listed| *listed != worker_c) {
        let what =
            format!("`{KEY}` lists {}, and `worker_c` is {worker_c}", counted(listed, "CPU"));
        findings.error(&path, what, "list one for each worker, or leave `worker_c` out");
    }
    wanted
}

fn word(path: &Path, given: &str, findings: &mut Findings<'_>) -> WorkerCpus {
    if let Some((_, meant)) = WORDS.iter().find(|(word, _)| *word == given) {
        return meant.clone();
    }
    let hint = nearest(given, WORDS.iter().map(|(word, _)| *word));
    let hint = hint.map_or_else(String::new, |near| format!("did you mean \"{near}\"?"));
    let what = format!("`{KEY}` must be {}, not {given:?}", keys::expected(KEY));
    findings.error(path, what, &hint);
    WorkerCpus::Auto
}

fn list(path: &Path, given: &[u64], findings: &mut Findings<'_>) -> WorkerCpus {
    if given.is_empty() {
        findings.error(path, format!("`{KEY}` lists no CPU"), "write \"none\" to pin no worker");
    }
    let mut cpus = Vec::new();
    for (at, &number) in given.iter().enumerate() {
        match usize::try_from(number) {
            Ok(cpu) if cpu >= CpuSet::MAX_CPU => too_large(&path.index(at), number, findings),
            Ok(cpu) if cpus.contains(&cpu) => {
                let what = format!("CPU {cpu} is listed twice");
                findings.error(&path.index(at), what, "give each worker a CPU of its own");
            }
            Ok(cpu) => cpus.push(cpu),
            Err(_) => too_large(&path.index(at), number, findings),
        }
    }
    WorkerCpus::List(cpus)
}

fn too_large(path: &Path, number: u64, findings: &mut Findings<'_>) {
    let last = CpuSet::MAX_CPU - 1;
    let what = format!("CPUs of `{KEY}` must be whole numbers from 0 to {last}, not {number}");
    findings.error(path, what, "");
}
