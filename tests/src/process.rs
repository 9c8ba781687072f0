//! What /proc tells about a running process: CPU time, memory, descriptors (proc(5)).

use std::fs;
use std::io;
use std::time::Duration;

/// CPU time of all its threads that are alive: the sum of the first field of each
/// `/proc/PID/task/*/schedstat`, which counts nanoseconds, not ticks.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = match fs::read_to_string(task?.path().join("schedstat")) {
            Ok(text) => text,
            Err(error) if has_ended(&error) => continue,
            Err(error) => return Err(error),
        };
        let field = text.split(' ').next().unwrap_or_default();
        nanos += field.parse::<u64>().map_err(|e| io::Error::other(format!("schedstat: {e}")))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Resident memory now, in bytes (`VmRSS`).
pub fn resident(pid: u32) -> io::Result<u64> {
    status(pid, "VmRSS:")
}

/// Of the resident memory what the process has filled itself, in bytes (`RssAnon` and `RssShmem`).
/// The rest are pages of its program and libraries: the kernel maps many at a time, as many as are in
/// its page cache just then, so that their number says nothing about the process.
pub fn filled(pid: u32) -> io::Result<u64> {
    Ok(status(pid, "RssAnon:")? + status(pid, "RssShmem:")?)
}

/// Of the resident memory what is no file, shared or not, in bytes (`RssAnon`): code and what libraries
/// were copied into count for nothing.
pub fn anonymous(pid: u32) -> io::Result<u64> {
    status(pid, "RssAnon:")
}

/// The most memory that was ever resident, in bytes (`VmHWM`).
pub fn resident_peak(pid: u32) -> io::Result<u64> {
    status(pid, "VmHWM:")
}

/// How many descriptors it has open.
pub fn descriptors(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// The CPUs on which the threads of this name may run (`Cpus_allowed_list`), each in ascending order.
pub fn cpus(pid: u32, thread: &str) -> io::Result<Vec<Vec<usize>>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = match fs::read_to_string(task?.path().join("status")) {
            Ok(text) => text,
            Err(error) if has_ended(&error) => continue,
            Err(error) => return Err(error),
        };
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if field("Name:") == Some(thread) {
            let list = field("Cpus_allowed_list:").and_then(numbers);
            found.push(list.ok_or_else(|| io::Error::other("no CPUs"))?);
        }
    }
    Ok(found)
}

/// Whether a thread has ended between the listing and the look, or in the midst of that.
fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// Those of a list such as `0-2,5`.
fn numbers(list: &str) -> Option<Vec<usize>> {
    let mut all = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        all.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(all)
}

fn status(pid: u32, name: &str) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("no {name} of {pid}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows_with_work() {
        let pid = std::process::id();
        let before = cpu_time(pid).unwrap();
        let mut prng = crate::prng::Prng::new(3);
        while cpu_time(pid).unwrap() < before + Duration::from_millis(5) {
            assert_ne!(prng.next_u64(), 0);
        }
    }

    #[test]
    fn memory_and_descriptors_of_this_process() {
        let pid = std::process::id();
        assert!(descriptors(pid).unwrap() >= 3);
        assert!(resident(pid).unwrap() > 0x10000);
        assert!((0x10000..resident(pid).unwrap()).contains(&filled(pid).unwrap()));
        assert!(resident_peak(pid).unwrap() >= resident(pid).unwrap() / 2);
    }
}
