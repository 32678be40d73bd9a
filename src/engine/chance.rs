//! Chance that can be repeated: SplitMix64 (Steele, Lea, Flood 2014). The same seed gives the same picks.
//!
//! Good enough to choose ports and to lose datagrams; no secret may hang on it.

/// A sequence of picks.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// All 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u32) -> u32 {
        // The upper half of a product of 64 bits: the share of a pick is off by less than 2^-32.
        ((u64::from(end) * (self.number() >> 32)) >> 32) as u32
    }

    /// Whether something happens that does so in `share` of all cases (0.0 never, 1.0 always).
    pub fn happens(&mut self, share: f64) -> bool {
        // 53 bits, as many as an f64 holds: from 0 up to, not including, 1.
        ((self.number() >> 11) as f64 / (1u64 << 53) as f64) < share
    }
}
