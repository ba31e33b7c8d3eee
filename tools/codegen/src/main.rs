//! Writes `crates/wire/src/generated` from `proto/`: `cargo run` in this folder.
//!
//! protox compiles the contract, so no protoc is needed.

use std::{fs, path::Path};

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let contracts = root.join("proto");
    let output = root.join("crates/wire/src/generated");
    fs::create_dir_all(&output).with_context(|| format!("create {}", output.display()))?;
    let descriptors = protox::compile(["trigpoint/ingest/v1/ingest.proto"], [&contracts])
        .context("compile the contract")?;
    tonic_prost_build::configure()
        .bytes(".trigpoint.ingest.v1.Batch.payload")
        .btree_map(".")
        .out_dir(&output)
        .compile_fds(descriptors)
        .context("generate Rust from the contract")
}
