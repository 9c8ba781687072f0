//! The machine that is measured on, and how much else went on there.

use std::fs;
use std::io;
use std::time::Duration;

use ringsocket_tests::process;
use serde::Serialize;

/// What the figures depend on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) processor: String,
    /// Cores that are online.
    pub(crate) cores: usize,
    /// The kernel's release.
    pub(crate) kernel: String,
}

impl Machine {
    /// This one.
    pub(crate) fn look() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let name =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        Self {
            processor: name.unwrap_or("unknown").trim().to_owned(),
            cores: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// CPU time of two processes and of the whole machine at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The server's.
    pub(crate) server: Duration,
    /// This process's.
    pub(crate) own: Duration,
    machine: Stat,
}

impl Moment {
    /// Now.
    pub(crate) fn now(server: u32) -> io::Result<Self> {
        Ok(Self {
            machine: Stat::read()?,
            server: process::cpu_time(server)?,
            own: process::cpu_time(std::process::id())?,
        })
    }
}

/// How much else the machine did while something was measured.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Noise {
    /// Seconds of all cores, idle or not.
    capacity: f64,
    /// Seconds that other processes took.
    others: f64,
    /// Seconds that a hypervisor gave to other machines (proc(5), `steal`).
    stolen: f64,
}

impl Noise {
    /// Adds what went on between two moments.
    pub(crate) fn add(&mut self, from: &Moment, to: &Moment) {
        let ours = (to.server - from.server) + (to.own - from.own);
        self.capacity += to.machine.all - from.machine.all;
        self.others += to.machine.busy - from.machine.busy - ours.as_secs_f64();
        self.stolen += to.machine.stolen - from.machine.stolen;
    }

    /// The share of the machine, 0 to 1, that others took.
    pub(crate) fn others(&self) -> f64 {
        // The kernel counts in ticks, which over a short time can come out below zero.
        (self.others / self.capacity.max(1e-9)).max(0.0)
    }

    /// The share, 0 to 1, that a hypervisor took.
    pub(crate) fn stolen(&self) -> f64 {
        self.stolen / self.capacity.max(1e-9)
    }
}

/// The first line of /proc/stat, in seconds.
#[derive(Clone, Copy, Debug)]
struct Stat {
    all: f64,
    busy: f64,
    stolen: f64,
}

impl Stat {
    fn read() -> io::Result<Self> {
        Self::parse(&fs::read_to_string("/proc/stat")?)
            .ok_or_else(|| io::Error::other("/proc/stat has no line of all processors"))
    }

    fn parse(text: &str) -> Option<Self> {
        /// What the kernel counts in, on every architecture that matters (time(7), `USER_HZ`).
        const TICKS_PER_SECOND: f64 = 100.0;
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<f64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = ticks[..] else {
            return None;
        };
        let busy = user + nice + system + irq + softirq;
        Some(Self {
            all: (busy + idle + iowait + steal) / TICKS_PER_SECOND,
            busy: busy / TICKS_PER_SECOND,
            stolen: steal / TICKS_PER_SECOND,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(line: &str, server: u64, own: u64) -> Moment {
        let machine = Stat::parse(line).unwrap();
        Moment { server: Duration::from_secs(server), own: Duration::from_secs(own), machine }
    }

    #[test]
    fn what_is_not_ours_and_not_idle_is_noise() {
        let from = moment("cpu  100 0 100 1000 0 0 0 0 0 0\ncpu0 ...", 1, 1);
        let to = moment("cpu  400 0 300 1300 100 0 100 200 0 0\n", 3, 3);
        let mut noise = Noise::default();
        noise.add(&from, &to);
        // 6 of 12 seconds busy, 4 of them ours.
        assert!((noise.others() - 2.0 / 12.0).abs() < 1e-9);
        assert!((noise.stolen() - 2.0 / 12.0).abs() < 1e-9);
        assert!(Stat::parse("intr 1 2 3\n").is_none());
    }

    #[test]
    fn this_machine_has_a_name_and_time_goes_on() {
        let machine = Machine::look();
        assert!(machine.cores >= 1 && !machine.kernel.is_empty());
        let moment = Moment::now(std::process::id()).unwrap();
        assert!(moment.machine.all > moment.machine.busy);
    }
}
