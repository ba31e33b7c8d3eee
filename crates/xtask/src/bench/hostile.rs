//! What a running download loses to a crowd at the same port.

use std::time::Duration;

use anyhow::Result;

use super::process::{Executables, Running, Station};
use super::statistics::Median;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(long, default_value_t = 10)]
    pairs: usize,
    /// Connections in the crowd
    #[arg(long, default_value_t = 1000)]
    count: usize,
}

const SECONDS: f64 = 3.0;

pub(crate) fn run(options: &Options) -> Result<()> {
    let executables = Executables::build()?;
    for (name, closing) in [("idle", false), ("closing at once", true)] {
        let mut ratios = Vec::new();
        for _ in 0..options.pairs {
            let station = Station::start(&executables, None, "bbr", SECONDS)?;
            let alone = rate(&executables, &station)?;
            let count = options.count.to_string();
            let seconds = (SECONDS + 1.0).to_string();
            let mut arguments = vec!["crowd", &station.ws, "--count", &count];
            if closing {
                // One closing of all of them, in the middle of the download.
                let half = (SECONDS / 2.0).to_string();
                arguments.extend(["--seconds", &half]);
                let crowd = Running::start(&executables.peer, None, &arguments)?;
                ratios.push(rate(&executables, &station)? / alone);
                crowd.report()?;
            } else {
                arguments.extend(["--seconds", &seconds]);
                let crowd = Running::start(&executables.peer, None, &arguments)?;
                std::thread::park_timeout(Duration::from_millis(500));
                ratios.push(rate(&executables, &station)? / alone);
                crowd.report()?;
            }
        }
        println!(
            "{} connections {name}: rate of a running download beside the same alone {}",
            options.count,
            Median::of(ratios)
        );
    }
    Ok(())
}

fn rate(executables: &Executables, station: &Station) -> Result<f64> {
    let report = Running::start(
        &executables.peer,
        None,
        &["drain", &station.ws, "--upgrade", "/ndt/v7/download"],
    )?
    .report()?;
    Ok(report.bytes as f64 / report.wall_seconds)
}
