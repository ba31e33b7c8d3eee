//! How many failures are still chance.

/// The largest number of failures that has more than a chance of 0.1 % to be
/// reached or exceeded.
pub(crate) fn most_failures(runs: u64, probability: f64) -> u64 {
    // In logarithms: no failure at all may be less likely than a float can say.
    let mut ln_term = (1.0 - probability).ln() * runs as f64;
    let mut cumulative = ln_term.exp();
    let mut failures = 0;
    while cumulative < 0.999 && failures < runs {
        ln_term += ((runs - failures) as f64 / (failures + 1) as f64).ln();
        ln_term += (probability / (1.0 - probability)).ln();
        failures += 1;
        cumulative += ln_term.exp();
    }
    failures
}
