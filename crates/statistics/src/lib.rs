//! Comparing what stations measured, with a stated chance to be wrong.
//!
//! Owns quantiles, the Hodges–Lehmann shift between two samples (also over many
//! places at once) and the difference between two rates, each with bounds, and the
//! verdicts that a gate asks for: is the candidate worse than the baseline by more
//! than a margin, and is something at most what is allowed?
//!
//! Must never say more than the samples do: [`Verdict::Inconclusive`] is an answer.
#![forbid(unsafe_code)]

mod ceiling;
mod noninferiority;
mod normal;
mod proportion;
mod quantile;
mod shift;

pub use ceiling::{Ceiling, Finding};
pub use noninferiority::{Better, Comparison, Margin, Test, Verdict};
pub use normal::normal_quantile;
pub use proportion::{Proportion, rate_difference, wilson};
pub use quantile::{median, quantile, quantile_bounds};
pub use shift::{Interval, Stratum, hodges_lehmann, stratified_shift};
