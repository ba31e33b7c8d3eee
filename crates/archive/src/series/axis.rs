//! Where the marks of an axis are, and what they say.

use super::number;

/// A unit, and how many of the stored unit are in it.
pub(super) type Unit = (&'static str, f64);

pub(super) const TIME: &[Unit] = &[("µs", 1.0), ("ms", 1e3), ("s", 1e6)];
/// Of bytes per microsecond.
pub(super) const RATE: &[Unit] =
    &[("bit/s", 1.0 / 8e6), ("kbit/s", 1e3 / 8e6), ("Mbit/s", 1e6 / 8e6), ("Gbit/s", 1e9 / 8e6)];
pub(super) const SEGMENTS: &[Unit] = &[("segments", 1.0)];

/// An axis from 0 to a round number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// In the stored unit.
    top: f64,
    step: f64,
    decimals: usize,
    unit: Unit,
}

impl Axis {
    /// Up to the highest value or a little more, with about `marks` marks above 0,
    /// in the unit that gives the shortest numbers.
    pub(super) fn up_to(highest: f64, units: &'static [Unit], marks: usize) -> Self {
        let fits = |unit: &&Unit| unit.1 <= highest;
        let unit = units.iter().rev().find(fits).or(units.first()).copied().unwrap_or(("", 1.0));
        let (step, decimals) = round_step(highest / unit.1 / marks.max(1) as f64);
        // A little more than a mark does not need a further one.
        let marks = (highest / unit.1 / step - 1e-6).ceil().max(1.0);
        Self { top: marks * step * unit.1, step: step * unit.1, decimals, unit }
    }

    pub(super) fn unit(&self) -> &'static str {
        self.unit.0
    }

    /// Where a value is: 0 at the bottom, 1 at the top.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value / self.top).clamp(0.0, 1.0)
    }

    /// Marks from 0 up: where they are, and what they say.
    pub(super) fn marks(&self) -> impl Iterator<Item = (f64, String)> + '_ {
        let count = (self.top / self.step).round() as usize;
        (0..=count).map(move |at| (at as f64 / count as f64, self.label(at as f64 * self.step)))
    }

    fn label(&self, value: f64) -> String {
        number::decimal(value / self.unit.1, self.decimals)
    }
}

/// A value with the unit in which it is shortest.
pub(super) fn with_unit(value: f64, units: &'static [Unit]) -> String {
    let fits = |unit: &&Unit| unit.1 <= value;
    let unit = units.iter().rev().find(fits).or(units.first()).copied().unwrap_or(("", 1.0));
    format!("{} {}", number::significant(value / unit.1), unit.0)
}

/// Marks of a time axis that ends where its data does: share of the axis, and
/// seconds.  At most `marks` of them.
pub(super) fn seconds(duration_us: i64, marks: usize) -> Vec<(f64, String)> {
    let duration_s = duration_us.max(1) as f64 / 1e6;
    let (step, decimals) = round_step(duration_s / marks.max(1) as f64);
    let count = (duration_s / step + 1e-9) as usize;
    let mark = |at: usize| {
        let time = at as f64 * step;
        (time / duration_s, number::decimal(time, decimals))
    };
    (0..=count).map(mark).collect()
}

/// The next of 1, 2, 2.5 and 5 times a power of ten, and the decimals that it has.
fn round_step(least: f64) -> (f64, usize) {
    let least = if least > 0.0 && least.is_finite() { least } else { 1.0 };
    let exponent = least.log10().floor() as i32;
    let magnitude = 10_f64.powi(exponent);
    let factor =
        [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| factor * magnitude >= least * (1.0 - 1e-9));
    let decimals = usize::try_from(-exponent).unwrap_or(0);
    match factor {
        Some(2.5) => (2.5 * magnitude, usize::try_from(1 - exponent).unwrap_or(0)),
        Some(factor) => (factor * magnitude, decimals),
        None => (10.0 * magnitude, usize::try_from(-exponent - 1).unwrap_or(0)),
    }
}
