//! When the next measurement is due. Intervals are exponential, so that the
//! samples are a Poisson process and cannot run in step with anything they
//! measure (PASTA), bounded on both sides as in M-Lab's `memoryless` package.

use std::time::Duration;

use crate::spec;

/// The time until the next measurement, from a random number that is uniform
/// over all of `u64`. Besides these, one measurement is due when the run ends.
pub fn measurement_interval(random: u64) -> Duration {
    // The upper 53 bits fill a float's mantissa: uniform in [0, 1).
    let uniform = (random >> 11) as f64 / (1_u64 << 53) as f64;
    // 1 - uniform is in (0, 1], so the logarithm is finite and not positive.
    let exponential = -(1.0 - uniform).ln();
    spec::AVERAGE_POISSON_SAMPLING_INTERVAL
        .mul_f64(exponential)
        .clamp(spec::MIN_POISSON_SAMPLING_INTERVAL, spec::MAX_POISSON_SAMPLING_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval at a quantile of the distribution.
    fn quantile(q: f64) -> f64 {
        measurement_interval((q * u64::MAX as f64) as u64).as_secs_f64()
    }

    #[test]
    fn quantiles_are_exponential_between_the_bounds() {
        assert!((quantile(0.5) - 0.25 * 2_f64.ln()).abs() < 1e-6);
        assert!((quantile(0.9) - 0.25 * 10_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn extremes_are_clamped() {
        assert_eq!(measurement_interval(0), Duration::from_millis(25));
        assert_eq!(measurement_interval(u64::MAX), Duration::from_millis(625));
        assert!((quantile(0.95) - 0.625).abs() < 1e-9);
    }
}
