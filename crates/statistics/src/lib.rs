//! Comparing what stations measured, with a stated chance to be wrong.
//!
//! Owns quantiles, the Hodges–Lehmann shift between two samples and the
//! difference between two rates, each with bounds, and the verdict that a gate
//! asks for: is the candidate worse than the baseline by more than a margin?
//!
//! Must never say more than the samples do: [`Verdict::Inconclusive`] is an answer.
#![forbid(unsafe_code)]

mod noninferiority;
mod normal;
mod proportion;
mod quantile;
mod shift;

pub use noninferiority::{Better, Comparison, Margin, Test, Verdict};
pub use normal::normal_quantile;
pub use proportion::{Proportion, rate_difference, wilson};
pub use quantile::{median, quantile};
pub use shift::{Interval, hodges_lehmann};
