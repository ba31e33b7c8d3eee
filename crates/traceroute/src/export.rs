//! One trace for people and for other programs: a table, JSON, Graphviz, and a
//! picture; one that was just made, or one that was stored.  (scamper's JSON is
//! one of M-Lab's formats: crate `mlab`.)

mod dot;
mod json;
mod lattice;
mod stored;
mod svg;
mod text;

pub use dot::dot;
pub use json::json;
pub use stored::{ReadError, read};
pub use svg::svg;
pub use text::{progress, summary, table};

/// What every export says of the flows.
const FLOWS_ARE_OUR_OWN: &str =
    "The probes were flows of their own: a connection takes one of these paths.";

#[cfg(test)]
mod tests;
