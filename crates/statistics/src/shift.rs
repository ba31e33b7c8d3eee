//! How far one sample lies above another.

use crate::normal_quantile;

/// An estimate and its one-sided bounds, each of which the truth is beyond with
/// the stated probability at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower bound; infinite where the samples are too few for one.
    pub lower: f64,
    /// The estimate.
    pub estimate: f64,
    /// The upper bound.
    pub upper: f64,
}

/// The Hodges–Lehmann shift of `above` against `below`: the median of all
/// differences between a value of the one and a value of the other, in their
/// unit, with bounds at level `alpha` each (Hollander, Wolfe and Chicken 2014,
/// section 4.3, by the normal approximation; ties widen nothing and narrow
/// nothing).  It assumes no shape, only that one sample is the other one shifted.
///
/// Both samples must be sorted and without NaN; `None` if one is empty.
pub fn hodges_lehmann(above: &[f64], below: &[f64], alpha: f64) -> Option<Interval> {
    let pairs = above.len() as u64 * below.len() as u64;
    if pairs == 0 {
        return None;
    }
    let (m, n) = (above.len() as f64, below.len() as f64);
    let deviation = (m * n * (m + n + 1.0) / 12.0).sqrt();
    let outer = (m * n / 2.0 - normal_quantile(1.0 - alpha) * deviation).floor();
    let differences = Differences { above, below };
    let middle = pairs.div_ceil(2);
    let low = differences.nth(middle);
    let estimate =
        if pairs.is_multiple_of(2) { f64::midpoint(low, differences.nth(middle + 1)) } else { low };
    let (lower, upper) = if outer >= 1.0 {
        let outer = (outer as u64).min(middle);
        (differences.nth(outer), differences.nth(pairs + 1 - outer))
    } else {
        (f64::NEG_INFINITY, f64::INFINITY)
    };
    Some(Interval { lower, estimate, upper })
}

/// All differences of two sorted samples, which are never written out.
struct Differences<'a> {
    above: &'a [f64],
    below: &'a [f64],
}

impl Differences<'_> {
    /// The nth smallest, counted from 1: by bisection over all floats, so it is
    /// one of the differences and not near one.
    fn nth(&self, n: u64) -> f64 {
        let (mut low, mut high) = (ordinal(f64::NEG_INFINITY), ordinal(f64::INFINITY));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.count_up_to(value(middle)) >= n {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        value(low)
    }

    /// How many are at most `limit`.  Rounding keeps order, so the pairs that are
    /// counted for one value of `above` begin where those of the last one did, or
    /// behind.
    fn count_up_to(&self, limit: f64) -> u64 {
        let mut first = 0;
        let mut count = 0;
        for above in self.above {
            while first < self.below.len() && above - self.below[first] > limit {
                first += 1;
            }
            count += (self.below.len() - first) as u64;
        }
        count
    }
}

/// Floats in their order as integers.
fn ordinal(float: f64) -> u64 {
    let bits = float.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn value(ordinal: u64) -> f64 {
    f64::from_bits(if ordinal >> 63 == 1 { ordinal & !(1 << 63) } else { !ordinal })
}

#[cfg(test)]
mod tests {
    use super::hodges_lehmann;

    #[test]
    fn as_all_differences_written_out() {
        // python3 -c "import numpy as n, scipy.stats as s, math
        // a=n.array([1.1,2.3,2.9,4.7,5.3,7.1,8.9,9.7]); b=n.array([0.2,1.3,1.9,2.2,3.1,4.4,4.6,6.5,6.6])
        // d=n.sort(n.subtract.outer(a,b).ravel()); z=s.norm.ppf(.95)
        // k=math.floor(72/2-z*math.sqrt(72*18/12)); print(d[k-1], n.median(d), d[72-k])"
        let above = [1.1, 2.3, 2.9, 4.7, 5.3, 7.1, 8.9, 9.7];
        let below = [0.2, 1.3, 1.9, 2.2, 3.1, 4.4, 4.6, 6.5, 6.6];
        let shift = hodges_lehmann(&above, &below, 0.05).expect("there are samples");
        assert!((shift.lower - LOWER).abs() < 1e-12, "{shift:?}");
        assert!((shift.estimate - ESTIMATE).abs() < 1e-12, "{shift:?}");
        assert!((shift.upper - UPPER).abs() < 1e-12, "{shift:?}");
    }

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
}
