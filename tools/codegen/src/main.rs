//! Writes what is generated and committed: `cargo run` in this folder.

mod contracts;
mod definitions;

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    contracts::write(&root)?;
    definitions::write(&root)
}
