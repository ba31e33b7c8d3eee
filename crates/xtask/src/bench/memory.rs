//! What one more slow download costs in memory: the process and its sockets.

use std::time::Duration;

use anyhow::{Context, Result};

use super::process::{Executables, Running, Station};
use crate::command::{output, program};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Downloads at once
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// Bytes per second that each reader takes
    #[arg(long, default_value_t = 500_000)]
    rate: u64,
}

const SECONDS: f64 = 10.0;

pub(crate) fn run(options: &Options) -> Result<()> {
    let executables = Executables::build()?;
    for tls in [false, true] {
        let scheme = if tls { "wss" } else { "ws" };
        let asked = if tls { 512 } else { 384 };
        let one = highest(&executables, tls, 1, options.rate)?;
        let many = highest(&executables, tls, options.count, options.rate)?;
        let additional = |many: u64, one: u64| {
            many.saturating_sub(one) as f64 / 1024.0 / (options.count - 1) as f64
        };
        println!(
            "{scheme}: {:.0} KiB per additional download (asked < {asked}): \
             process {:.0}, sockets {:.0}; {} at once, {} B/s each",
            additional(many.total(), one.total()),
            additional(many.resident, one.resident),
            additional(many.sockets, one.sockets),
            options.count,
            options.rate,
        );
    }
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Memory {
    resident: u64,
    sockets: u64,
}

impl Memory {
    fn total(self) -> u64 {
        self.resident + self.sockets
    }
}

/// The highest of one look per second while the downloads run.
fn highest(executables: &Executables, tls: bool, count: usize, rate: u64) -> Result<Memory> {
    let station = Station::start(executables, None, "bbr", SECONDS)?;
    let address = if tls { station.wss.clone() } else { station.ws.clone() };
    let (count, rate) = (count.to_string(), rate.to_string());
    let seconds = SECONDS.to_string();
    let mut arguments = vec![
        "trickle",
        &address,
        "--upgrade",
        "/ndt/v7/download",
        "--count",
        &count,
        "--rate",
        &rate,
        "--seconds",
        &seconds,
    ];
    if tls {
        arguments.push("--tls");
    }
    let readers = Running::start(&executables.peer, None, &arguments)?;
    let mut highest = Memory::default();
    for _ in 0..(SECONDS as u64 - 2) {
        std::thread::park_timeout(Duration::from_secs(1));
        let now = Memory {
            resident: station.process.resident_bytes()?,
            sockets: socket_memory(&address)?,
        };
        if now.total() > highest.total() {
            highest = now;
        }
    }
    drop(readers);
    Ok(highest)
}

/// Bytes that the kernel holds for the server's side of connections to
/// `address`: receive queue, send queue and what is reserved for both
/// (`skmem:(r…,rb…,t…,tb…,f…,w…,…)` of `ss -m`, from INET_DIAG_SKMEMINFO).
fn socket_memory(address: &str) -> Result<u64> {
    let port = address.rsplit(':').next().context("find the port")?;
    let filter = format!("sport = :{port}");
    let text = output(&mut program("ss", &["-Htnm", "state", "established", &filter]))?;
    Ok(text
        .split("skmem:(")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|fields| {
            fields
                .split(',')
                .filter_map(|field| {
                    let digits = field.find(|c: char| c.is_ascii_digit())?;
                    let (name, number) = field.split_at(digits);
                    matches!(name, "r" | "f" | "w").then(|| number.parse::<u64>().ok())?
                })
                .sum::<u64>()
        })
        .sum())
}
