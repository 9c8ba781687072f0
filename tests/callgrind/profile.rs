//! What callgrind's files of a run say in all (its manual, "Callgrind Format Specification").
//! Not for: where the instructions go, which callgrind_annotate(1) tells.

use std::collections::HashSet;
use std::io;
use std::path::Path;

/// The functions that memory is asked of.
const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

/// Counts of a whole run, of all threads but the main one, through which no message goes.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Profile {
    /// Instructions executed.
    pub(crate) instructions: u64,
    /// Calls that asked for memory.
    pub(crate) allocations: u64,
    /// System calls.
    pub(crate) system_calls: u64,
}

impl Profile {
    /// Reads the files that callgrind has written with `--separate-threads=yes`, one for each
    /// thread: `path` with `-02`, `-03` and so on behind it; 1 is the main thread.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut sum = Self::default();
        for thread in 2.. {
            let path = format!("{}-{thread:02}", path.display());
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound && thread > 3 => break,
                Err(error) => return Err(io::Error::other(format!("{path}: {error}"))),
            };
            let one = Self::parse(&text);
            let one = one.ok_or_else(|| io::Error::other(format!("{path} has no totals")))?;
            sum.instructions += one.instructions;
            sum.allocations += one.allocations;
            sum.system_calls += one.system_calls;
        }
        Ok(sum)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut profile = Self::default();
        let (mut events, mut totals) = (None, None);
        // A name is written once, `(7) malloc`, and from then on it is `(7)`.
        let mut allocators = HashSet::new();
        let mut is_allocator = false;
        for line in text.lines() {
            if let Some(callee) = line.strip_prefix("cfn=") {
                is_allocator = notes_allocator(callee, &mut allocators);
            } else if let Some(function) = line.strip_prefix("fn=") {
                notes_allocator(function, &mut allocators);
            } else if let Some(call) = line.strip_prefix("calls=") {
                if is_allocator {
                    profile.allocations += call.split(' ').next()?.parse::<u64>().ok()?;
                }
            } else if let Some(names) = line.strip_prefix("events:") {
                events = Some(names.split_whitespace().collect::<Vec<_>>());
            } else if let Some(sums) = line.strip_prefix("totals:") {
                totals = Some(sums.split_whitespace().collect::<Vec<_>>());
            }
        }
        let (events, totals) = (events?, totals?);
        let total =
            |name| totals.get(events.iter().position(|&event| event == name)?)?.parse().ok();
        profile.instructions = total("Ir")?;
        profile.system_calls = total("sysCount")?;
        Some(profile)
    }
}

/// Whether this is the name of an allocator, or the number of one.
fn notes_allocator<'t>(name: &'t str, allocators: &mut HashSet<&'t str>) -> bool {
    let (number, name) = name.split_once(' ').unwrap_or((name, ""));
    if ALLOCATORS.contains(&name) {
        allocators.insert(number);
    }
    allocators.contains(number)
}
