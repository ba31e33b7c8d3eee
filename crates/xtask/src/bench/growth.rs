//! Whether `trigpoint standalone` grows with the tests that it has served.

use anyhow::{Context, Result};

use super::process::{Running, Station};
use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Speed tests of one second in each direction
    #[arg(long, default_value_t = 150)]
    tests: usize,
    /// Tests between two looks
    #[arg(long, default_value_t = 10)]
    every: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tools::build_executables("dev")?;
    let executable = tools::built("dev")?.join("trigpoint");
    let station = Station::standalone(&executable, 1.0)?;
    let mut looks = Vec::new();
    for test in 1..=options.tests {
        let url = format!("ws://{}", station.ws);
        Running::start(&executable, None, &["speedtest", &url, "--quiet"])?.line()?;
        if test % options.every == 0 {
            let resident = station.process.resident_bytes()?;
            println!("after {test:>4} tests: {:>4} MB resident", resident / 1_000_000);
            looks.push(resident);
        }
    }
    let (half, last) = (looks.get(looks.len() / 2), looks.last());
    let (half, last) = half.zip(last).context("compare: run more tests")?;
    println!("resident at the end beside half-way: {:.2}", *last as f64 / *half as f64);
    Ok(())
}
