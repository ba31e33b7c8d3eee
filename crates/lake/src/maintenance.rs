//! Care of the tables: what keeps them fast and small for years.
//!
//! | file | owns |
//! |---|---|
//! | `compaction`, `compaction/plan`, `compaction/merge` | few sorted files instead of many |
//! | `replace` | the commit that all of them end with |
//! | `vacuum`, `vacuum/staging` | files that no table names any more |
//! | `log` | log entries that nobody needs any more |
//! | `retention` | dates that are too old |
//! | `privacy`, `privacy/columns`, `privacy/address`, `privacy/rewrite` | client addresses that are too old |
//!
//! Every act is: write new files, commit, and only a later vacuum deletes.  So
//! it can be killed anywhere, and what it leaves is files that nobody names,
//! which vacuum takes.  Any number of maintainers may run at the same time, on
//! any number of machines: a commit goes in only if every file that it removes
//! is still live in the very version that it follows (`replace`).
//!
//! Works on snapshots of its own, so an append never waits for it; an append
//! that meets its commit is repeated with the files that it wrote.  Time is a
//! parameter, for tests.

mod compaction;
mod log;
mod privacy;
mod replace;
mod retention;
mod vacuum;

pub use compaction::{Compacted, Compaction};
pub use log::LogCleaning;
pub use privacy::Cut;
pub use retention::{RETAINED_BEFORE, Retained};
pub use vacuum::{Vacuum, Vacuumed};

#[cfg(test)]
mod tests;
