//! How long answers took: a histogram that costs nanoseconds to fill, its percentiles, and a
//! picture of it for the terminal.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer times than this, in nanoseconds, count as this.
const LONGEST: u64 = 60_000_000_000;
/// Characters of the longest bar.
const WIDTH: u64 = 50;

/// Times, in nanoseconds, to three significant digits.
#[derive(Debug)]
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    /// Without any time yet.
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds that it allows"))
    }

    /// `count` answers took so long.
    pub(crate) fn record(&mut self, took: Duration, count: u64) {
        self.0.saturating_record_n(took.as_nanos() as u64, count);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The time, in microseconds, within which that share (0 to 1) of the answers came.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e3
    }

    /// How many times lie in the half-open range of nanoseconds.
    fn between(&self, from: u64, to: u64) -> u64 {
        self.0.count_between(from, to - 1)
    }
}

/// Percentiles, and a bar for each step of 1, 2, 5, 10, ... microseconds.
impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
        for (name, share) in named {
            write!(f, "{name} {}   ", time(self.quantile(share)))?;
        }
        writeln!(f)?;
        let edges: Vec<u64> =
            (3..=10).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power))).collect();
        let starts = std::iter::once(0).chain(edges.iter().copied());
        let bars: Vec<(u64, u64)> =
            starts.zip(&edges).map(|(from, &to)| (to, self.between(from, to))).collect();
        let first = bars.iter().position(|bar| bar.1 > 0).unwrap_or(0);
        let end = bars.iter().rposition(|bar| bar.1 > 0).map_or(0, |last| last + 1);
        let tallest = bars.iter().map(|bar| bar.1).max().unwrap_or(0).max(1);
        for (to, count) in &bars[first.min(end)..end] {
            let length = (count * WIDTH).div_ceil(tallest) as usize;
            let to = time(*to as f64 / 1e3);
            writeln!(f, "  under {to:>8}  {:<50}  {count}", "#".repeat(length))?;
        }
        Ok(())
    }
}

/// Microseconds in the unit that reads best.
pub(crate) fn time(micros: f64) -> String {
    match micros {
        us if us < 99.95 => format!("{us:.1} us"),
        us if us < 999.5 => format!("{us:.0} us"),
        us if us < 99_950.0 => format!("{:.1} ms", us / 1e3),
        us if us < 999_500.0 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.1} s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_bars() {
        let mut latency = Latency::new();
        latency.record(Duration::from_micros(15), 98);
        latency.record(Duration::from_millis(3), 2);
        assert!((latency.quantile(0.5) - 15.0).abs() < 0.02);
        assert!((latency.quantile(0.99) - 3000.0).abs() < 3.0);
        let text = latency.to_string();
        assert!(text.starts_with("p50 15.0 us   p90 15.0 us   p99 3"), "{text}");
        let bars: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(bars.len(), 8, "from 10 us to 5 ms: {text}");
        assert!(bars[0].contains("under  20.0 us") && bars[0].ends_with(" 98"), "{text}");
        assert!(bars[7].contains("under   5.0 ms") && bars[7].ends_with(" 2"), "{text}");
        latency.clear();
        assert_eq!(latency.to_string().lines().count(), 1);
    }

    #[test]
    fn units_follow_the_size() {
        let texts = [7.04, 123.4, 1000.0, 12_345.0, 123_456.0, 2_500_000.0].map(time);
        assert_eq!(texts, ["7.0 us", "123 us", "1.0 ms", "12.3 ms", "123 ms", "2.5 s"]);
    }
}
