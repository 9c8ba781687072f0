//! The one source of chance (SplitMix64).

/// A seeded generator.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `times`, on average.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A size from 0 to `max`, mostly small, with the edges of frame headers in it.
    pub(crate) fn size(&mut self, max: usize) -> usize {
        let size = match self.below(8) {
            0 => [0, 1, 125, 126, 127, 65535, 65536][self.below(7)],
            1..=4 => self.below(200),
            5 | 6 => self.below(20_000),
            _ => self.below(max + 1),
        };
        size.min(max)
    }
}
