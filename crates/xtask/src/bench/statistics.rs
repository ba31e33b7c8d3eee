//! The median of paired ratios, with an interval that assumes no distribution.

/// Median and its 95 % interval from order statistics (the sign test inverted:
/// the ranks come from the binomial distribution with p = 1/2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Median {
    pub(crate) middle: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: usize,
}

impl Median {
    /// Needs at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let middle = count / 2;
        let median = if count % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        let rank = lower_rank(count);
        Self { middle: median, low: values[rank], high: values[count - 1 - rank], count }
    }
}

impl std::fmt::Display for Median {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:.2} (95 % {:.2} to {:.2}, n = {})",
            self.middle, self.low, self.high, self.count
        )
    }
}

/// The largest rank r (from 0) with P(fewer than r+1 values below the median) ≤ 2.5 %.
fn lower_rank(count: usize) -> usize {
    let mut below = 0.5_f64.powi(count as i32);
    let mut term = below;
    let mut rank = 0;
    for k in 1..count / 2 {
        term *= (count - k + 1) as f64 / k as f64;
        below += term;
        if below > 0.025 {
            break;
        }
        rank = k;
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::Median;

    #[test]
    fn interval_of_eleven_values_spans_the_second_to_the_tenth() {
        let values = (1..=11).map(f64::from).collect();
        let median = Median::of(values);
        assert_eq!((median.low, median.middle, median.high), (2.0, 6.0, 10.0));
    }

    #[test]
    fn few_values_give_the_whole_range() {
        let median = Median::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((median.low, median.middle, median.high), (1.0, 2.0, 3.0));
    }
}
