//! `crates/wire/src/generated` from `proto/`.
//!
//! protox compiles the contract, so no protoc is needed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

pub(crate) fn write(root: &Path) -> Result<()> {
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
