//! `crates/wire/src/generated` from `proto/`.
//!
//! protox compiles the contracts, so no protoc is needed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

const CONTRACTS: [&str; 2] =
    ["trigpoint/gate/v1/gate.proto", "trigpoint/ingest/v1/ingest.proto"];

pub(crate) fn write(root: &Path) -> Result<()> {
    let contracts = root.join("proto");
    let output = root.join("crates/wire/src/generated");
    fs::create_dir_all(&output).with_context(|| format!("create {}", output.display()))?;
    let descriptors = protox::compile(CONTRACTS, [&contracts]).context("compile the contracts")?;
    tonic_prost_build::configure()
        .bytes(".trigpoint.ingest.v1.Batch.payload")
        .btree_map(".")
        .out_dir(&output)
        .compile_fds(descriptors)
        .context("generate Rust from the contracts")
}
