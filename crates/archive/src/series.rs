//! One flow's snapshots as a picture: round-trip time, congestion window, rates,
//! and what limited it, for terminals and as SVG.
//!
//! A value holds from its snapshot to the next, since polls in between without
//! change have no row; NULL is a gap.  Where there are more snapshots than columns
//! to draw in, a column reaches from the lowest to the highest value in it.

mod axis;
mod counter;
mod extent;
mod flow;
mod heading;
mod number;
mod panel;
mod shares;
mod svg;
mod text;

pub use flow::{Flow, Polls, Series, Snapshots, Test};
pub use svg::svg;
pub use text::text;

#[cfg(test)]
mod tests;
