use super::{Better, Margin, Test, Verdict};
use crate::{Proportion, normal_quantile};

/// Throughput as tests have it: log-normal around 50 Mbit/s, two thirds between
/// 25 and 100, so that no normal distribution fits.
const SPREAD: f64 = 0.7;
/// The rarest count of 200 at 5 % that chance alone has in 99.9 % of the cases:
/// scipy.stats.binom.ppf(.999, 200, .05).
const BOUND: usize = 21;

/// SplitMix64 (Steele, Lea and Flood 2014): fixed seeds give fixed samples.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn throughputs(&mut self, count: usize, factor: f64) -> Vec<f64> {
        let mut one = || 50.0 * factor * (SPREAD * normal_quantile(self.uniform())).exp();
        (0..count).map(|_| one()).collect()
    }

    fn failures(&mut self, total: u64, rate: f64) -> Proportion {
        let count = (0..total).filter(|_| self.uniform() < rate).count() as u64;
        Proportion { count, total }
    }
}

fn test() -> Test {
    Test { better: Better::Higher, margin: Margin::Relative(0.1), alpha: 0.05, min_samples: 50 }
}

/// How often 200 comparisons pass and fail.
fn count(mut compare: impl FnMut(&mut Random) -> Verdict) -> (usize, usize) {
    let verdicts: Vec<Verdict> = (0..200).map(|seed| compare(&mut Random(seed * 7_919))).collect();
    let of = |verdict| verdicts.iter().filter(|found| **found == verdict).count();
    (of(Verdict::Pass), of(Verdict::Fail))
}

fn throughput(random: &mut Random, factor: f64) -> Verdict {
    let candidate = random.throughputs(1000, factor);
    let baseline = random.throughputs(3000, 1.0);
    test().values(&candidate, &baseline).verdict
}

#[test]
fn the_same_distribution_does_not_fail() {
    let (passed, failed) = count(|random| throughput(random, 1.0));
    assert!(failed <= BOUND, "{failed} of 200 fail");
    assert!(passed >= 190, "{passed} of 200 pass");
}

#[test]
fn a_fifth_slower_is_caught() {
    let (passed, failed) = count(|random| throughput(random, 0.8));
    assert!(failed >= 190, "{failed} of 200 fail");
    assert_eq!(passed, 0);
}

#[test]
fn at_the_margin_either_error_is_as_rare_as_was_asked() {
    let (passed, failed) = count(|random| throughput(random, 0.9));
    assert!(passed <= BOUND && failed <= BOUND, "{passed} pass and {failed} fail");
    // And the bounds are no wider than they need be.
    assert!(passed > 0 && failed > 0, "{passed} pass and {failed} fail");
}

#[test]
fn failure_rates_at_the_margin_and_on_either_side() {
    let test = Test { margin: Margin::Absolute(0.01), ..test() };
    let rates = |random: &mut Random, candidate| {
        let candidate = random.failures(2000, candidate);
        let baseline = random.failures(6000, 0.01);
        test.rates(candidate, baseline).verdict
    };
    let (passed, failed) = count(|random| rates(random, 0.02));
    assert!(passed <= BOUND && failed <= BOUND, "{passed} pass and {failed} fail");
    let (passed, failed) = count(|random| rates(random, 0.01));
    assert!(passed >= 170 && failed <= BOUND, "{passed} pass and {failed} fail");
    let (passed, failed) = count(|random| rates(random, 0.04));
    assert!(failed >= 190, "{passed} pass and {failed} fail");
}

#[test]
fn too_few_samples_say_nothing_however_clear_they_are() {
    let slow = [1.0; 49];
    let fast = [100.0; 1000];
    let comparison = test().values(&slow, &fast);
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    assert_eq!((comparison.candidate, comparison.baseline), (49, 1000));
    assert_eq!(test().values(&[1.0; 50], &fast).verdict, Verdict::Fail);
    assert_eq!(test().values(&[], &[]).verdict, Verdict::Inconclusive);
    // A value that is none does not count.
    let mut holes = vec![f64::NAN; 50];
    holes.extend(slow);
    assert_eq!(test().values(&holes, &fast).candidate, 49);
    let none = Proportion { count: 0, total: 0 };
    assert_eq!(test().rates(none, none).verdict, Verdict::Inconclusive);
}

#[test]
fn lower_is_better_of_round_trip_times() {
    let test = Test { better: Better::Lower, margin: Margin::Absolute(1.0), ..test() };
    let baseline: Vec<f64> = (0..200).map(|n| 20.0 + f64::from(n % 50) / 10.0).collect();
    let by = |shift: f64| baseline.iter().map(|rtt| rtt + shift).collect::<Vec<_>>();
    assert_eq!(test.values(&by(0.2), &baseline).verdict, Verdict::Pass);
    assert_eq!(test.values(&by(-5.0), &baseline).verdict, Verdict::Pass);
    assert_eq!(test.values(&by(2.0), &baseline).verdict, Verdict::Fail);
    assert_eq!(test.values(&by(1.0), &baseline).verdict, Verdict::Inconclusive);
}

#[test]
fn a_station_that_moves_nothing_is_slower_than_any() {
    assert_eq!(test().values(&[0.0; 60], &[10.0; 60]).verdict, Verdict::Fail);
    assert_eq!(test().values(&[10.0; 60], &[0.0; 60]).verdict, Verdict::Pass);
}

/// Sites of different speed, of which the fast one has few canaries and the slow one
/// many, as the first wave of a rollout may be.
fn sites(random: &mut Random, factor: f64) -> [(Vec<f64>, Vec<f64>); 3] {
    [(1.0, 700, 300), (4.0, 200, 1500), (16.0, 100, 1200)].map(|(speed, candidate, baseline)| {
        (random.throughputs(candidate, speed * factor), random.throughputs(baseline, speed))
    })
}

fn by_site(random: &mut Random, factor: f64) -> Verdict {
    let sites = sites(random, factor);
    let strata = sites.iter().map(|(candidate, baseline)| (&candidate[..], &baseline[..]));
    test().strata(strata).verdict
}

#[test]
fn by_site_the_same_distribution_does_not_fail_where_it_would_altogether() {
    let (passed, failed) = count(|random| by_site(random, 1.0));
    assert!(failed <= BOUND, "{failed} of 200 fail");
    assert!(passed >= 170, "{passed} of 200 pass");
    let altogether = |random: &mut Random| {
        let [(mut candidate, mut baseline), second, third] = sites(random, 1.0);
        candidate.extend(second.0.into_iter().chain(third.0));
        baseline.extend(second.1.into_iter().chain(third.1));
        test().values(&candidate, &baseline).verdict
    };
    assert_eq!(count(altogether), (0, 200));
}

#[test]
fn by_site_either_error_at_the_margin_is_as_rare_as_was_asked() {
    let (passed, failed) = count(|random| by_site(random, 0.9));
    assert!(passed <= BOUND && failed <= BOUND, "{passed} pass and {failed} fail");
    assert!(passed > 0 && failed > 0, "{passed} pass and {failed} fail");
    let (passed, failed) = count(|random| by_site(random, 0.75));
    assert!(failed >= 190, "{failed} of 200 fail");
    assert_eq!(passed, 0);
}

#[test]
fn samples_of_a_site_without_the_other_side_do_not_count() {
    let both = ([1.0; 30], [1.0; 80]);
    let (alone, none): ([f64; 40], [f64; 0]) = ([1.0; 40], []);
    let strata = [(&both.0[..], &both.1[..]), (&alone[..], &none[..]), (&none[..], &alone[..])];
    let comparison = test().strata(strata);
    assert_eq!((comparison.candidate, comparison.baseline), (30, 80));
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    assert_eq!(test().strata([]).difference, None);
}
