//! How often something happens, and how much more often than elsewhere.

use crate::{Interval, normal_quantile};

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proportion {
    /// Those with the property, at most `total`.
    pub count: u64,
    /// All.
    pub total: u64,
}

impl Proportion {
    fn rate(self) -> f64 {
        self.count as f64 / self.total as f64
    }
}

/// Wilson's score interval of a rate, with bounds at level `alpha` each (Wilson
/// 1927); `None` of nothing.
pub fn wilson(proportion: Proportion, alpha: f64) -> Option<Interval> {
    if proportion.total == 0 {
        return None;
    }
    let z = normal_quantile(1.0 - alpha);
    let (rate, n) = (proportion.rate(), proportion.total as f64);
    let middle = rate + z * z / (2.0 * n);
    let half = z * (rate * (1.0 - rate) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    let lower = if proportion.count == 0 { 0.0 } else { (middle - half) / scale };
    let upper = if proportion.count == proportion.total { 1.0 } else { (middle + half) / scale };
    Some(Interval { lower, estimate: rate, upper })
}

/// The difference of two rates, `above` less `below`, with bounds at level `alpha`
/// each: Newcombe's hybrid of two score intervals (Newcombe 1998, method 10), good
/// down to rates of zero.  `None` if one is of nothing.
pub fn rate_difference(above: Proportion, below: Proportion, alpha: f64) -> Option<Interval> {
    let (a, b) = (wilson(above, alpha)?, wilson(below, alpha)?);
    let estimate = a.estimate - b.estimate;
    Some(Interval {
        lower: estimate - (a.estimate - a.lower).hypot(b.upper - b.estimate),
        estimate,
        upper: estimate + (a.upper - a.estimate).hypot(b.estimate - b.lower),
    })
}

#[cfg(test)]
mod tests {
    use super::{Proportion, rate_difference, wilson};

    fn of(count: u64, total: u64) -> Proportion {
        Proportion { count, total }
    }

    #[test]
    fn as_scipy_has_it() {
        // scipy.stats.binomtest(k, n).proportion_ci(.90, 'wilson'): both at 5 %.
        let expected = [
            (0, 40, 0.0, 0.063_353_448_645_458_1),
            (3, 200, 0.006_010_227_842_770_135, 0.036_936_517_992_362_22),
            (17, 60, 0.198_614_856_231_845_33, 0.386_748_756_491_905_15),
            (25, 25, 0.902_346_493_993_949, 1.0),
        ];
        for (count, total, lower, upper) in expected {
            let interval = wilson(of(count, total), 0.05).expect("there are samples");
            assert!((interval.lower - lower).abs() < 1e-12, "{count} of {total}: {interval:?}");
            assert!((interval.upper - upper).abs() < 1e-12, "{count} of {total}: {interval:?}");
        }
    }

    #[test]
    fn as_newcombe_has_it() {
        // Newcombe 1998, table II, method 10, 95 % two-sided: 56/70 - 48/80.
        let difference = rate_difference(of(56, 70), of(48, 80), 0.025).expect("samples");
        assert!((difference.lower - 0.0524).abs() < 5e-5, "{difference:?}");
        assert!((difference.upper - 0.3339).abs() < 5e-5, "{difference:?}");
        // 0/10 - 0/10.
        let difference = rate_difference(of(0, 10), of(0, 10), 0.025).expect("samples");
        assert!((difference.lower + 0.2775).abs() < 5e-5, "{difference:?}");
        assert!((difference.upper - 0.2775).abs() < 5e-5, "{difference:?}");
    }

    #[test]
    fn of_nothing_there_is_none() {
        assert_eq!(wilson(of(0, 0), 0.05), None);
        assert_eq!(rate_difference(of(1, 9), of(0, 0), 0.05), None);
    }
}
