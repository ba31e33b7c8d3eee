//! Random numbers that stay the same for a seed, whatever a library's next version does.

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// `stream` gives independent sequences of one seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let start = Self { state: seed }.next().wrapping_add(stream);
        Self { state: Self { state: start }.next() }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1), with all 53 bits of an `f64`.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_generator() {
        // From the reference implementation (prng.di.unimi.it/splitmix64.c), state 1234567.
        let mut random = Random { state: 1_234_567 };
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn streams_of_a_seed_and_neighbouring_seeds_differ() {
        let shares = |seed, stream| {
            let mut random = Random::new(seed, stream);
            (0..1000).map(|_| random.share()).collect::<Vec<_>>()
        };
        for other in [shares(7, 1), shares(8, 0)] {
            let same = shares(7, 0).iter().filter(|share| other.contains(share)).count();
            assert_eq!(same, 0);
        }
    }
}
