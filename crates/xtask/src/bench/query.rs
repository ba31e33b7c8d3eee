//! How long queries take on a day of tests with all their snapshots, and how
//! much memory: two that people wait for, and every file of `queries/`.
//!
//! The work is in `benches/lake/queries.rs`; each query has a process of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::lake::{build, figure};
use crate::command::{program, run};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Tests, each with a thousand snapshots; making 20,000 takes about ten minutes
    #[arg(long, default_value_t = 20_000)]
    flows: u64,
    /// Cargo's profile, as for `bench lake`
    #[arg(long, default_value = "release", value_parser = ["release", "dev"])]
    profile: String,
    /// Only queries whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Where the tables are made, and kept; made in a temporary folder otherwise
    #[arg(long, value_name = "DIRECTORY")]
    lake: Option<PathBuf>,
}

/// Written for this: what is asked under 30 ms and under 300 ms, the snapshots of
/// one connection as M-Lab has them, and those of every connection in M-Lab's own
/// words, which reads all of them.
const OWN: [(&str, &str); 6] = [
    (
        "series_of_one_flow",
        "SELECT elapsed_us, rtt_us, snd_cwnd_segments, delivery_rate_bytes_per_s \
         FROM snapshots WHERE date = '2026-11-24' AND flow_id = 'FLOW' ORDER BY n",
    ),
    (
        "medians_by_network",
        "SELECT client.Network.ASNumber, COUNT(*), \
         APPROX_QUANTILES(a.MeanThroughputMbps, 100)[OFFSET(50)], \
         APPROX_QUANTILES(a.MinRTT, 100)[OFFSET(50)] \
         FROM ndt.unified_downloads WHERE date = '2026-11-24' GROUP BY 1",
    ),
    ("tcp_info_by_id", "SELECT raw FROM ndt.tcpinfo WHERE date = '2026-11-24' AND id = 'FLOW'"),
    (
        "q07a_by_array_length",
        "SELECT ARRAY_LENGTH(raw.Snapshots), COUNT(*) FROM ndt.tcpinfo \
         WHERE date = '2026-11-24' GROUP BY 1",
    ),
    (
        "q07a_by_unnest",
        "SELECT COUNT(*), AVG(s.TCPInfo.RTT) FROM \
         (SELECT UNNEST(raw.Snapshots) AS s FROM ndt.tcpinfo WHERE date = '2026-11-24')",
    ),
    (
        "q07a_with_all_snapshots",
        "SELECT raw FROM ndt.tcpinfo \
         WHERE date = '2026-11-24' AND ARRAY_LENGTH(raw.Snapshots) > 500",
    ),
];
/// Of flow 0 of `benches/lake/rows.rs`.
const FLOW: &str = "bench-node-1_1795478400_E220A8397B1DCDAF";
/// What Q7a may take.
const LIMIT: u64 = 2 << 30;

pub(crate) fn run_all(options: &Options) -> Result<()> {
    let executable = build(&options.profile)?;
    println!("profile {}, {} flows", options.profile, options.flows);
    let temporary =
        std::env::temp_dir().join(format!("trigpoint-bench-query-{}", std::process::id()));
    let lake = options.lake.as_ref().unwrap_or(&temporary);
    let asked = ask_all(&executable, lake, &temporary.join("sql"), options);
    if temporary.exists() {
        fs::remove_dir_all(&temporary)
            .with_context(|| format!("remove `{}`", temporary.display()))?;
    }
    asked
}

fn ask_all(executable: &Path, lake: &Path, own: &Path, options: &Options) -> Result<()> {
    let lake = lake.to_string_lossy();
    if !Path::new(&*lake).join("snapshots").exists() {
        figure(executable, &["day", &lake, "--flows", &options.flows.to_string()])?;
    }
    fs::create_dir_all(own).with_context(|| format!("create `{}`", own.display()))?;
    let mut files = Vec::new();
    for (name, sql) in OWN {
        let file = own.join(format!("{name}.sql"));
        fs::write(&file, sql.replace("FLOW", FLOW))
            .with_context(|| format!("write `{}`", file.display()))?;
        files.push(file);
    }
    let published = fs::read_dir("queries").context("list `queries`")?;
    let mut published = published
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .context("list `queries`")?;
    published.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    published.sort_unstable();
    for file in files.into_iter().chain(published) {
        let file = file.to_string_lossy();
        if file.contains(&options.only) {
            ask(executable, &lake, &file)?;
        }
    }
    Ok(())
}

fn ask(executable: &Path, lake: &str, file: &str) -> Result<()> {
    if !file.contains("q07a") {
        return figure(executable, &["query", lake, file]);
    }
    // Fails where memory of its own would exceed the limit; resident memory is printed.
    let limit = format!("--data={LIMIT}");
    let executable = executable.to_string_lossy();
    run(&mut program("prlimit", &[&limit, &executable, "query", lake, file]))
}
