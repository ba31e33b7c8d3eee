//! Runs with traces beside runs without.

use std::fmt;

use super::samples::Samples;

/// Draws of the pairs, for the interval.
const RESAMPLES: u64 = 2_000;

/// Two runs, one after the other.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) without: Samples,
    pub(crate) with: Samples,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, run) in [("without", &self.without), ("with", &self.with)] {
            let late = |share| quantile(&run.late_us, share);
            write!(
                f,
                "{name} {} samples, p50 {} p99 {} p99.9 {} us, {} missed; ",
                run.late_us.len(),
                late(0.5),
                late(0.99),
                late(0.999),
                run.missed
            )?;
        }
        write!(f, "{} traces, {} probes", self.with.traces, self.with.probes)
    }
}

/// Prints the ratio over all samples, and an interval for it: the pairs are drawn again and
/// again, as many as there are, since the samples of one run depend on each other.
pub(crate) fn report(pairs: &[Pair]) {
    let all: Vec<usize> = (0..pairs.len()).collect();
    let mut draws: Vec<f64> = (0..RESAMPLES)
        .map(|draw| {
            let drawn = (0..pairs.len() as u64)
                .map(|place| (mix(draw << 32 | place) % pairs.len() as u64) as usize);
            ratio(pairs, &drawn.collect::<Vec<_>>())
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    let at = |share: f64| draws[(share * (draws.len() - 1) as f64) as usize];
    println!(
        "p99 of the lateness with traces beside without: {:.2} (95 % {:.2} to {:.2}, n = {}), \
         asked at most 1.2; {} us beside {} us",
        ratio(pairs, &all),
        at(0.025),
        at(0.975),
        pairs.len(),
        pooled(pairs, &all, |pair| &pair.with),
        pooled(pairs, &all, |pair| &pair.without),
    );
}

fn ratio(pairs: &[Pair], chosen: &[usize]) -> f64 {
    let with = pooled(pairs, chosen, |pair| &pair.with);
    let without = pooled(pairs, chosen, |pair| &pair.without);
    with as f64 / without.max(1) as f64
}

/// The 99th percentile over the samples of all these runs.
fn pooled(pairs: &[Pair], chosen: &[usize], side: fn(&Pair) -> &Samples) -> u64 {
    let mut late_us: Vec<u64> =
        chosen.iter().flat_map(|&pair| side(&pairs[pair]).late_us.iter().copied()).collect();
    let rank = rank(late_us.len(), 0.99);
    *late_us.select_nth_unstable(rank).1
}

fn quantile(sorted: &[u64], share: f64) -> u64 {
    sorted[rank(sorted.len(), share)]
}

fn rank(count: usize, share: f64) -> usize {
    ((share * count as f64).ceil() as usize).clamp(1, count) - 1
}

/// `splitmix64`: the same interval from the same samples.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
