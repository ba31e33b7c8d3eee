//! What a person asks of a fleet and says to it: how it stands, what it would do
//! next, and a word that changes that.

mod plan;
mod snapshot;
mod status;
mod steer;
mod table;

pub use plan::plan;
pub(crate) use plan::steps;
pub use snapshot::Snapshot;
pub use status::status;
pub use steer::{Unsaid, Word, say};
