use super::{Stratum, hodges_lehmann, stratified_shift};

#[test]
fn as_all_differences_written_out() {
    // python3 -c "import numpy as n, scipy.stats as s, math
    // a=n.array([1.1,2.3,2.9,4.7,5.3,7.1,8.9,9.7]); b=n.array([0.2,1.3,1.9,2.2,3.1,4.4,4.6,6.5,6.6])
    // d=n.sort(n.subtract.outer(a,b).ravel()); z=s.norm.ppf(.95)
    // k=math.floor(72/2-z*math.sqrt(72*18/12)); print(d[k-1], n.median(d), d[72-k])"
    let shift = hodges_lehmann(&ABOVE, &BELOW, 0.05).expect("there are samples");
    assert!((shift.lower - LOWER).abs() < 1e-12, "{shift:?}");
    assert!((shift.estimate - ESTIMATE).abs() < 1e-12, "{shift:?}");
    assert!((shift.upper - UPPER).abs() < 1e-12, "{shift:?}");
}

const ABOVE: [f64; 8] = [1.1, 2.3, 2.9, 4.7, 5.3, 7.1, 8.9, 9.7];
const BELOW: [f64; 9] = [0.2, 1.3, 1.9, 2.2, 3.1, 4.4, 4.6, 6.5, 6.6];
const LOWER: f64 = -1.1;
const ESTIMATE: f64 = 1.85;
const UPPER: f64 = 4.5;

#[test]
fn too_few_samples_have_no_bounds() {
    let shift = hodges_lehmann(&[5.0], &[3.0], 0.05).expect("there are samples");
    assert_eq!((shift.lower, shift.estimate), (f64::NEG_INFINITY, 2.0));
    assert_eq!(hodges_lehmann(&[], &[3.0], 0.05), None);
}

#[test]
fn equal_values_are_not_apart() {
    let shift = hodges_lehmann(&[4.0; 40], &[4.0; 30], 0.05).expect("there are samples");
    assert_eq!((shift.lower, shift.estimate, shift.upper), (0.0, 0.0, 0.0));
}

#[test]
fn large_samples_take_no_more_memory_than_their_own() {
    // 10^10 differences.
    let above: Vec<f64> = (0..100_000).map(|n| f64::from(n) + 7.0).collect();
    let below: Vec<f64> = (0..100_000).map(f64::from).collect();
    let shift = hodges_lehmann(&above, &below, 0.05).expect("there are samples");
    assert!((shift.estimate - 7.0).abs() < 1e-9, "{shift:?}");
    assert!(shift.lower < 7.0 && shift.upper > 7.0);
}

/// Three places of different size, the second and third far above the first.
const STRATA: [Stratum<'_>; 3] = [
    Stratum { above: &ABOVE, below: &BELOW },
    Stratum {
        above: &[101.4, 103.9, 104.1, 108.3, 110.2],
        below: &[100.7, 101.9, 102.2, 105.6, 107.5, 108.8, 109.9],
    },
    Stratum { above: &[51.5, 55.2, 58.0], below: &[50.1, 52.6, 53.7, 56.1] },
];

#[test]
fn strata_are_weighed_as_van_elteren_has_it() {
    // python3, by all differences with their weights written out and sorted:
    // s=[len(a)+len(b)+1 for a,b in strata]; w=[min(s)/k for k in s]
    // d=sorted((x-y,w[k]) for k,(a,b) in enumerate(strata) for x in a for y in b)
    // c=sum(v for _,v in d)/2-NormalDist().inv_cdf(.95)*math.sqrt(
    //   sum(w[k]**2*len(a)*len(b)*s[k]/12 for k,(a,b) in enumerate(strata)))
    // The first differences at which the weights reach c - 1, all / 2, all + 1 - c.
    let shift = stratified_shift(&STRATA, 0.05).expect("there are samples");
    assert!((shift.lower + 0.8).abs() < 1e-12, "{shift:?}");
    assert!((shift.estimate - 1.5).abs() < 1e-12, "{shift:?}");
    assert!((shift.upper - 3.1).abs() < 1e-12, "{shift:?}");
}

#[test]
fn at_its_bounds_van_elterens_test_begins_to_refuse() {
    // The test itself, from its definition, of the shift by `theta`.
    let standardised = |theta: f64| {
        let (mut sum, mut variance) = (0.0, 0.0);
        for Stratum { above, below } in STRATA {
            let differences = above.iter().flat_map(|a| below.iter().map(move |b| a - b));
            let wins = differences.filter(|difference| *difference > theta).count() as f64;
            let (m, n) = (above.len() as f64, below.len() as f64);
            sum += (wins - m * n / 2.0) / (m + n + 1.0);
            variance += m * n / (12.0 * (m + n + 1.0));
        }
        sum / f64::sqrt(variance)
    };
    let shift = stratified_shift(&STRATA, 0.05).expect("there are samples");
    let critical = 1.644_853_626_951_472_2;
    assert!(standardised(shift.lower - 1e-9) > critical, "{}", standardised(shift.lower));
    assert!(standardised(shift.upper + 1e-9) < -critical, "{}", standardised(shift.upper));
    assert!(standardised(shift.estimate).abs() < 0.15);
    // And no wider than need be: a little further in it accepts.
    assert!(standardised(shift.lower + 0.4) < critical);
    assert!(standardised(shift.upper - 0.4) > -critical);
}

#[test]
fn how_far_strata_lie_from_each_other_is_nothing() {
    let near = stratified_shift(&STRATA, 0.05).expect("there are samples");
    let moved: Vec<(Vec<f64>, Vec<f64>)> = STRATA
        .iter()
        .zip([0.0, 4096.0, -1024.0])
        .map(|(stratum, by)| {
            let moved = |values: &[f64]| values.iter().map(|value| value + by).collect();
            (moved(stratum.above), moved(stratum.below))
        })
        .collect();
    let moved: Vec<_> = moved.iter().map(|(above, below)| Stratum { above, below }).collect();
    let far = stratified_shift(&moved, 0.05).expect("there are samples");
    assert!((near.lower - far.lower).abs() < 1e-9, "{near:?} {far:?}");
    assert!((near.estimate - far.estimate).abs() < 1e-9, "{near:?} {far:?}");
    assert!((near.upper - far.upper).abs() < 1e-9, "{near:?} {far:?}");
}

#[test]
fn a_stratum_with_one_side_only_says_nothing() {
    let alone = Stratum { above: &[500.0, 600.0], below: &[] };
    let with = stratified_shift(&[STRATA[0], alone, STRATA[1]], 0.05);
    assert_eq!(with, stratified_shift(&[STRATA[0], STRATA[1]], 0.05));
    assert_eq!(stratified_shift(&[alone], 0.05), None);
    assert_eq!(stratified_shift(&[], 0.05), None);
}
