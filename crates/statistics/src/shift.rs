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

/// Two samples that nothing tells apart but what is asked: of one site, say.
/// Both are sorted and without NaN.
#[derive(Debug, Clone, Copy)]
pub struct Stratum<'a> {
    /// The sample whose shift is asked.
    pub above: &'a [f64],
    /// The sample against which.
    pub below: &'a [f64],
}

/// The Hodges–Lehmann shift of `above` against `below`: the median of all
/// differences between a value of the one and a value of the other, in their
/// unit, with bounds at level `alpha` each (Hollander, Wolfe and Chicken 2014,
/// section 4.3, by the normal approximation; ties widen nothing and narrow
/// nothing).  It assumes no shape, only that one sample is the other one shifted.
///
/// Both samples must be sorted and without NaN; `None` if one is empty.
pub fn hodges_lehmann(above: &[f64], below: &[f64], alpha: f64) -> Option<Interval> {
    stratified_shift(&[Stratum { above, below }], alpha)
}

/// The shift that all strata have in common, however far they lie from each other:
/// values are compared within their stratum only.
///
/// It is where van Elteren's test (1960; Lehmann 1975, section 3.3) of a shift
/// turns: the median of the differences within all strata, in which a difference
/// weighs 1 / (m + n + 1) for the m and n values of its stratum, so that a stratum
/// counts as much as it tells; bounds are those shifts at which the test begins to
/// refuse, at level `alpha` each, by the normal approximation.  Of one stratum it is
/// [`hodges_lehmann`].
///
/// A stratum with one sample only says nothing; `None` if all are such.
pub fn stratified_shift(strata: &[Stratum<'_>], alpha: f64) -> Option<Interval> {
    let differences = Differences::within(strata)?;
    let middle = differences.total / 2.0;
    let outer = middle - normal_quantile(1.0 - alpha) * differences.deviation;
    let low = differences.first(|weight| weight >= middle);
    let high = differences.first(|weight| weight > middle);
    let (lower, upper) = if outer >= HEAVIEST {
        let outer = outer.min(middle);
        // The last difference from either end up to which the weight is `outer` at most.
        let lower = differences.first(|weight| weight > outer - HEAVIEST);
        let upper = differences.first(|weight| weight >= differences.total - outer + HEAVIEST);
        (lower, upper)
    } else {
        (f64::NEG_INFINITY, f64::INFINITY)
    };
    Some(Interval { lower, estimate: f64::midpoint(low, high), upper })
}

/// The weight of a difference in the smallest stratum; others are lighter.
const HEAVIEST: f64 = 1.0;

/// All differences within strata, which are never written out.
struct Differences<'a> {
    /// Each with the weight of one of its differences.
    strata: Vec<(Stratum<'a>, f64)>,
    /// The weight of all differences.
    total: f64,
    /// The standard deviation of the weight below the true shift.
    deviation: f64,
}

impl<'a> Differences<'a> {
    /// `None` if there are none.
    fn within(strata: &[Stratum<'a>]) -> Option<Self> {
        let size = |it: &Stratum<'_>| (it.above.len() + it.below.len() + 1) as f64;
        let tells = |it: &&Stratum<'a>| !it.above.is_empty() && !it.below.is_empty();
        let strata: Vec<_> = strata.iter().filter(tells).copied().collect();
        let smallest = strata.iter().map(size).reduce(f64::min)?;
        let (mut total, mut variance) = (0.0, 0.0);
        let weighted = strata.into_iter().map(|stratum| {
            let weight = HEAVIEST * smallest / size(&stratum);
            let pairs = stratum.above.len() as f64 * stratum.below.len() as f64;
            total += weight * pairs;
            variance += weight * weight * pairs * size(&stratum) / 12.0;
            (stratum, weight)
        });
        let strata = weighted.collect();
        Some(Self { strata, total, deviation: f64::sqrt(variance) })
    }

    /// The smallest difference for which the weight of those up to it is enough; by
    /// bisection over all floats, so it is one of the differences and not near one.
    fn first(&self, is_enough: impl Fn(f64) -> bool) -> f64 {
        let (mut low, mut high) = (ordinal(f64::NEG_INFINITY), ordinal(f64::INFINITY));
        while low < high {
            let middle = low + (high - low) / 2;
            if is_enough(self.weight_up_to(value(middle))) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        value(low)
    }

    fn weight_up_to(&self, limit: f64) -> f64 {
        self.strata.iter().map(|(stratum, weight)| weight * stratum.count_up_to(limit) as f64).sum()
    }
}

impl Stratum<'_> {
    /// How many differences are at most `limit`.  Rounding keeps order, so the pairs
    /// that are counted for one value of `above` begin where those of the last one
    /// did, or behind.
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
mod tests;
