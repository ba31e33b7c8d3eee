//! Fills a data directory with flows that differ as real ones do: speed tests over
//! emulated paths of every delay, loss and rate below, with each congestion
//! control, in both directions.
//!
//! `cargo xtask bench lake` starts it.
#![allow(clippy::print_stdout, reason = "it says how far it is")]

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use trigpoint_testkit::lab::path::{Bottleneck, Direction, Jitter, Loss, Path};
use trigpoint_testkit::lab::{DirectionCounters, Emulated, Namespace, run_again_inside};
use trigpoint_testkit::{Standalone, run};

const CONGESTION_CONTROLS: [&str; 3] = ["bbr", "cubic", "reno"];
const ROUND_TRIP_MS: [u32; 5] = [5, 20, 50, 100, 200];
const LOSS_SHARES: [f64; 3] = [0.0, 0.001, 0.01];
const RATES_MBIT_PER_S: [u64; 4] = [2, 10, 50, 200];

/// A session is two tests of some seconds; a slow path closes late.
const DEADLINE: Duration = Duration::from_mins(2);

#[derive(Parser)]
#[command(about = "Fills a data directory with flows over emulated paths")]
struct Options {
    /// The `trigpoint` to run
    #[arg(long)]
    trigpoint: PathBuf,
    /// Where it stores
    #[arg(long)]
    data_dir: PathBuf,
    /// Sessions at the same time, each over a path of its own
    #[arg(long, default_value_t = 6)]
    clients: u8,
    /// Length of each test
    #[arg(long, default_value = "3s")]
    test_duration: String,
    /// Sessions with each congestion control; 60 take every path once
    #[arg(long, default_value_t = 60)]
    sessions: usize,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if let Some(status) = run_again_inside() {
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let executable = options.trigpoint.to_str().context("the executable's path is not UTF-8")?;
    let server = Namespace::new("server");
    let labs: Vec<Emulated> = (0..options.clients)
        .map(|number| Emulated::to(&server, number, &Path::default()))
        .collect();
    let mut failed = 0;
    for congestion_control in CONGESTION_CONTROLS {
        let started = Instant::now();
        let arguments = [
            "--listen",
            "0.0.0.0",
            "--congestion-control",
            congestion_control,
            "--test-duration",
            &options.test_duration,
        ];
        let command = server.command(executable);
        let station = Standalone::start_on(command, executable, &options.data_dir, &arguments);
        let port = station.ws().rsplit(':').next().context("find the station's port")?;
        let paths = Mutex::new(paths(options.sessions));
        let sessions = |lab: &Emulated| sessions(lab, executable, port, &paths);
        failed += std::thread::scope(|scope| {
            let clients: Vec<_> =
                labs.iter().map(|lab| scope.spawn(move || sessions(lab))).collect();
            clients.into_iter().map(|client| client.join().unwrap_or(1)).sum::<usize>()
        });
        station.stop();
        println!("{congestion_control}: {:.0} s", started.elapsed().as_secs_f64());
    }
    report(&labs);
    if failed > 0 {
        bail!("{failed} sessions failed");
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes one path after the other; how many sessions failed.
fn sessions(lab: &Emulated, executable: &str, port: &str, paths: &Mutex<VecDeque<Path>>) -> usize {
    let mut failed = 0;
    loop {
        let path = paths.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(path) = path else { return failed };
        lab.reconfigure(&path);
        let url = format!("ws://{}:{port}", lab.server_v4());
        let mut client = lab.client().command(executable);
        let finished = run(client.args(["speedtest", &url, "--quiet"]), DEADLINE);
        if finished.code() != Some(0) {
            println!("{path:?}: {}", finished.stderr);
            failed += 1;
        }
    }
}

/// Every combination as often as any other, or as many of them as are asked for, spread
/// over all; neighbours differ in rate, so that fast ones seldom meet.
fn paths(sessions: usize) -> VecDeque<Path> {
    let mut combinations = Vec::new();
    for round_trip in ROUND_TRIP_MS {
        for share in LOSS_SHARES {
            for rate in RATES_MBIT_PER_S {
                combinations.push((round_trip, share, rate * 1_000_000));
            }
        }
    }
    let step = (combinations.len() / sessions.max(1)).max(1);
    let session = |number: usize| {
        let (round_trip, share, rate) = combinations[number * step % combinations.len()];
        path(round_trip, share, rate, number as u64)
    };
    (0..sessions).map(session).collect()
}

fn path(round_trip_ms: u32, share: f64, rate_bit_per_s: u64, seed: u64) -> Path {
    // One bandwidth-delay product, and room for a first burst.
    let product = rate_bit_per_s / 8 * u64::from(round_trip_ms) / 1000;
    let delay = Duration::from_millis(round_trip_ms.into()) / 2;
    Path::symmetric(Direction {
        delay,
        jitter: Jitter { spread: delay / 10, reorders: false },
        loss: Loss::Random { share },
        bottleneck: Some(Bottleneck { rate_bit_per_s, queue_bytes: product.max(30_000) }),
        policer: None,
        seed,
    })
}

/// How true the emulator was to the settings.
fn report(labs: &[Emulated]) {
    let counters: Vec<DirectionCounters> = labs
        .iter()
        .map(Emulated::counters)
        .flat_map(|counters| [counters.forward, counters.backward])
        .collect();
    let frames: u64 = counters.iter().map(|counters| counters.sent.frames).sum();
    let late: Duration = counters.iter().map(|counters| counters.late).sum();
    let latest = counters.iter().map(|counters| counters.latest).max().unwrap_or_default();
    let overruns: u64 = counters.iter().map(|counters| counters.overrun_frames).sum();
    println!(
        "emulator: {frames} frames, {:?} later than due on average, {latest:?} at most; \
         {overruns} more lost because the machine was late",
        late.div_f64(frames.max(1) as f64),
    );
}
