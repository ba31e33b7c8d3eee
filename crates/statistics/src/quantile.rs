//! Quantiles of a sample.

use crate::Interval;

/// The quantile of a sorted sample by linear interpolation between its order
/// statistics (Hyndman and Fan 1996, type 7: numpy's default); `None` without
/// samples, or outside of `0..=1`.
pub fn quantile(sorted: &[f64], probability: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&probability) {
        return None;
    }
    let last = sorted.len().checked_sub(1)?;
    let position = probability * last as f64;
    let below = position.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let weight = position - below as f64;
    // Not `low + weight * (high - low)`: with infinite values that is NaN.
    Some(if weight == 0.0 { low } else { low * (1.0 - weight) + high * weight })
}

/// The quantile, with bounds at level `alpha` each that assume nothing of the
/// distribution: values of the sample whose ranks follow from how many values are
/// below the quantile, which is binomial (Conover 1999, section 3.2, exactly).
/// Infinite where the sample is too small for a bound.
pub fn quantile_bounds(sorted: &[f64], probability: f64, alpha: f64) -> Option<Interval> {
    let estimate = quantile(sorted, probability)?;
    // The value of rank k is above the quantile if k values at least are not below it
    // with `alpha` at most; and so from the other side.
    let above = rare(sorted.len(), 1.0 - probability, alpha);
    let below = rare(sorted.len(), probability, alpha);
    let upper = above.map_or(f64::INFINITY, |count| sorted[sorted.len() - 1 - count]);
    let lower = below.map_or(f64::NEG_INFINITY, |count| sorted[count]);
    Some(Interval { lower, estimate, upper })
}

/// The largest count of `total` that is not exceeded with `alpha` at most, where each
/// counts with that probability; `None` if even none is more likely.
fn rare(total: usize, probability: f64, alpha: f64) -> Option<usize> {
    let odds = (probability / (1.0 - probability)).ln();
    let mut term = total as f64 * (1.0 - probability).ln();
    let mut sum = 0.0;
    let within = (0..total).take_while(|count| {
        if *count > 0 {
            // From one term of the distribution to the next.
            term += ((total - count + 1) as f64 / *count as f64).ln() + odds;
        }
        sum += term.exp();
        sum <= alpha
    });
    within.last()
}

/// The median of a sorted sample.
pub fn median(sorted: &[f64]) -> Option<f64> {
    quantile(sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::{median, quantile, quantile_bounds};

    #[test]
    fn as_numpy_has_them() {
        // numpy.quantile([1, 2, 4, 8, 16], [0, .1, .25, .5, .9, .95, 1])
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.0];
        let expected = [
            (0.0, 1.0),
            (0.1, 1.4),
            (0.25, 2.0),
            (0.5, 4.0),
            (0.9, 12.8),
            (0.95, 14.4),
            (1.0, 16.0),
        ];
        for (probability, value) in expected {
            let found = quantile(&sorted, probability).expect("there are samples");
            assert!((found - value).abs() < 1e-12, "{probability}: {found}");
        }
        assert_eq!(median(&[1.0, 2.0, 3.0, 10.0]), Some(2.5));
    }

    #[test]
    fn of_nothing_there_is_none() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0], 1.5), None);
        assert_eq!(quantile(&[1.0], f64::NAN), None);
        assert_eq!(quantile(&[7.0], 0.3), Some(7.0));
    }

    #[test]
    fn an_infinite_value_is_no_hole() {
        assert_eq!(quantile(&[1.0, 2.0, f64::INFINITY], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0, f64::INFINITY], 0.75), Some(f64::INFINITY));
    }

    #[test]
    fn bounds_are_of_the_ranks_that_the_binomial_distribution_gives() {
        // python3: the largest j with sum(comb(n,i)*p**i*(1-p)**(n-i) for i in range(j)) <= .05,
        // and the smallest k with the sum over range(k, n + 1) <= .05.
        let ranks = [
            (58, 0.95, Some(52), None),
            (59, 0.95, Some(53), Some(59)),
            (100, 0.95, Some(91), Some(99)),
            (612, 0.95, Some(572), Some(591)),
            (20, 0.5, Some(6), Some(15)),
            (11, 0.25, Some(1), Some(6)),
            (4, 0.5, None, None),
        ];
        for (count, probability, lower, upper) in ranks {
            let sorted: Vec<f64> = (1..=count).map(f64::from).collect();
            let bounds = quantile_bounds(&sorted, probability, 0.05).expect("there are samples");
            let rank = |bound: f64| bound.is_finite().then_some(bound as u32);
            assert_eq!((rank(bounds.lower), rank(bounds.upper)), (lower, upper), "{count}");
        }
        assert_eq!(quantile_bounds(&[], 0.5, 0.05), None);
    }
}
