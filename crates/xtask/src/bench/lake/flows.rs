//! What a snapshot costs in the tables, on flows that differ as real ones do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::command::{output, program, run};
use crate::tools;

/// With each of three congestion controls, and of two flows each.
const SESSIONS: f64 = 60.0;
/// Fewer are too much alike.
const LEAST_FLOWS: f64 = 200.0;

/// Measures the data directory `flows`, before and after its files are merged;
/// it is made if it does not exist, with `scale` times 360 flows.
pub(super) fn measure(flows: &Path, scale: f64) -> Result<()> {
    tools::build_executables("dev")?;
    let data = std::path::absolute(flows).with_context(|| format!("find `{}`", flows.display()))?;
    if !data.exists() {
        make(&data, (SESSIONS * scale) as usize)?;
    }
    let least_flows = (LEAST_FLOWS * scale) as u64;
    report(&data, "as they were committed", least_flows)?;
    let mut compact =
        program(&executable("trigpoint")?, &["lake", "compact", "--small-files", "1"]);
    run(compact.arg("--data-dir").arg(&data))?;
    report(&data, "compacted, aim under 40", least_flows)
}

fn report(data: &Path, state: &str, least_flows: u64) -> Result<()> {
    let snapshots = Snapshots::read(data)?;
    if snapshots.flows < least_flows {
        bail!("`{}` holds {} flows, not {least_flows}", data.display(), snapshots.flows);
    }
    println!(
        "snapshots, {state}: {:.1} bytes for each of {} of {} flows, in {} files",
        snapshots.bytes as f64 / snapshots.rows as f64,
        snapshots.rows,
        snapshots.flows,
        snapshots.files,
    );
    Ok(())
}

/// Speed tests over emulated paths (`benches/flows.rs`).
fn make(data: &Path, sessions: usize) -> Result<()> {
    tools::debian(&[("ip", "iproute2"), ("ethtool", "ethtool")])?;
    let mut flows =
        program(&executable("bench-flows")?, &["--trigpoint", &executable("trigpoint")?]);
    flows.arg("--sessions").arg(sessions.to_string());
    run(flows.arg("--data-dir").arg(data))
}

/// One that `tools::build_executables` has built.
fn executable(name: &str) -> Result<String> {
    Ok(tools::built("dev")?.join(name).to_string_lossy().into_owned())
}

struct Snapshots {
    rows: u64,
    flows: u64,
    files: usize,
    bytes: u64,
}

/// What a line of the Delta log may hold, as far as it matters here.
#[derive(Deserialize)]
struct Action {
    add: Option<Add>,
    remove: Option<Remove>,
}

#[derive(Deserialize)]
struct Add {
    path: String,
    size: u64,
}

#[derive(Deserialize)]
struct Remove {
    path: String,
}

impl Snapshots {
    fn read(data: &Path) -> Result<Self> {
        let sql = "SELECT count(*), count(DISTINCT flow_id) FROM snapshots";
        let mut query = program(&executable("trigpoint")?, &["query", "--format", "csv", sql]);
        let text = output(query.arg("--data-dir").arg(data))?;
        let numbers = text.lines().nth(1).and_then(|line| line.split_once(','));
        let (rows, flows) = numbers.with_context(|| format!("read the counts in `{text}`"))?;
        let live = live_files(&data.join("lake/snapshots/_delta_log"))?;
        Ok(Self {
            rows: rows.parse().with_context(|| format!("read the rows in `{text}`"))?,
            flows: flows.parse().with_context(|| format!("read the flows in `{text}`"))?,
            files: live.len(),
            bytes: live.values().sum(),
        })
    }
}

/// Live files and their bytes, from a log of which nothing was cleaned up yet:
/// beside them in the folders lie files that compaction has replaced.
fn live_files(log: &Path) -> Result<BTreeMap<String, u64>> {
    let mut live = BTreeMap::new();
    for version in 0_u64.. {
        let path = log.join(format!("{version:020}.json"));
        if !path.exists() {
            break;
        }
        let text =
            fs::read_to_string(&path).with_context(|| format!("read `{}`", path.display()))?;
        for line in text.lines() {
            let action: Action = serde_json::from_str(line)
                .with_context(|| format!("read an action of `{}`", path.display()))?;
            if let Some(Add { path, size }) = action.add {
                live.insert(path, size);
            }
            if let Some(Remove { path }) = action.remove {
                live.remove(&path);
            }
        }
    }
    if live.is_empty() {
        bail!("the log `{}` does not begin at version 0", log.display());
    }
    Ok(live)
}
