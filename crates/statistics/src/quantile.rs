//! Quantiles of a sample.

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

/// The median of a sorted sample.
pub fn median(sorted: &[f64]) -> Option<f64> {
    quantile(sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::{median, quantile};

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
}
