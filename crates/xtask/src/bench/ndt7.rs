//! CPU per gigabit of the ndt7 server beside plain loops, in alternating pairs.

use anyhow::{Context, Result};

use super::process::{Executables, Report, Running, Station};
use super::statistics::Median;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Pairs for each case; at least 11 for a figure to report
    #[arg(long, default_value_t = 11)]
    pairs: usize,
    /// Seconds for each side of a pair
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only the cases whose name contains this
    #[arg(long, default_value = "")]
    case: String,
    /// Only this congestion control
    #[arg(long)]
    congestion_control: Option<String>,
}

#[derive(Clone, Copy)]
enum Direction {
    Download,
    Upload { message: usize },
}

struct Case {
    name: &'static str,
    tls: bool,
    direction: Direction,
    /// What the issue asks for; nothing where the figure is only reported.
    at_most: Option<f64>,
}

const CASES: &[Case] = &[
    Case { name: "ws download", tls: false, direction: Direction::Download, at_most: Some(1.6) },
    Case {
        name: "ws upload, 1 MiB messages",
        tls: false,
        direction: Direction::Upload { message: 1 << 20 },
        at_most: Some(2.0),
    },
    Case {
        name: "ws upload, 8 KiB messages",
        tls: false,
        direction: Direction::Upload { message: 1 << 13 },
        at_most: None,
    },
    Case { name: "wss download", tls: true, direction: Direction::Download, at_most: Some(2.0) },
    Case {
        name: "wss upload, 1 MiB messages",
        tls: true,
        direction: Direction::Upload { message: 1 << 20 },
        at_most: Some(2.0),
    },
];

/// Server core, client core.
const CORES: &[(&str, usize, usize)] = &[("same core", 0, 0), ("two cores", 0, 1)];

pub(crate) fn run(options: &Options) -> Result<()> {
    let executables = Executables::build()?;
    println!("median of paired ratios of server CPU per gigabit: ndt7 / reference");
    for congestion_control in ["bbr", "cubic"] {
        if options.congestion_control.as_ref().is_some_and(|only| only != congestion_control) {
            continue;
        }
        for (placement, server_core, client_core) in CORES {
            for case in CASES.iter().filter(|case| case.name.contains(&options.case)) {
                let bench = Bench {
                    executables: &executables,
                    congestion_control,
                    server_core: *server_core,
                    client_core: *client_core,
                    seconds: options.seconds,
                    case,
                };
                let figures = bench.pairs(options.pairs)?;
                let asked = case.at_most.map_or(String::new(), |most| format!(", asked ≤ {most}"));
                println!(
                    "{congestion_control}, {placement}, {}: {}{asked}; \
                     {:.1} beside {:.1} ms/Gbit at {:.1} Gbit/s",
                    case.name,
                    figures.ratio,
                    figures.ndt7.middle,
                    figures.reference.middle,
                    figures.gigabits_per_second.middle,
                );
            }
        }
    }
    Ok(())
}

struct Bench<'a> {
    executables: &'a Executables,
    congestion_control: &'a str,
    server_core: usize,
    client_core: usize,
    seconds: f64,
    case: &'a Case,
}

struct Figures {
    ratio: Median,
    ndt7: Median,
    reference: Median,
    gigabits_per_second: Median,
}

impl Bench<'_> {
    fn pairs(&self, count: usize) -> Result<Figures> {
        let mut station = Station::start(
            self.executables,
            Some(self.server_core),
            self.congestion_control,
            // Longer than the client's own end of an upload.
            self.seconds
                + if matches!(self.case.direction, Direction::Upload { .. }) { 1.0 } else { 0.0 },
        )?;
        let (mut ratios, mut ndt7, mut reference, mut rates) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for pair in 0..count {
            // Alternating order, so that a drift of the machine favours neither.
            let (measured, baseline) = if pair % 2 == 0 {
                let measured = self.ndt7(&mut station)?;
                (measured, self.reference()?)
            } else {
                let baseline = self.reference()?;
                (self.ndt7(&mut station)?, baseline)
            };
            ratios.push(measured.0 / baseline);
            ndt7.push(measured.0);
            reference.push(baseline);
            rates.push(measured.1);
        }
        Ok(Figures {
            ratio: Median::of(ratios),
            ndt7: Median::of(ndt7),
            reference: Median::of(reference),
            gigabits_per_second: Median::of(rates),
        })
    }

    /// CPU of the server in ms per gigabit, and Gbit/s.
    fn ndt7(&self, station: &mut Station) -> Result<(f64, f64)> {
        let address = if self.case.tls { station.wss.clone() } else { station.ws.clone() };
        let before = station.process.cpu_seconds()?;
        let report = self.client(&address, true)?;
        let cpu = station.process.cpu_seconds()? - before;
        Ok((
            milliseconds_per_gigabit(cpu, report.bytes),
            report.bytes as f64 * 8e-9 / report.wall_seconds,
        ))
    }

    /// The plain loop, and for TLS what rustls costs by itself on top of it.
    fn reference(&self) -> Result<f64> {
        let seconds = self.seconds.to_string();
        let role = match self.case.direction {
            Direction::Download => "send",
            Direction::Upload { .. } => "receive",
        };
        let mut arguments = vec![role, "--congestion-control", self.congestion_control];
        if role == "send" {
            arguments.extend(["--seconds", seconds.as_str()]);
        }
        let mut loop_ = Running::start(&self.executables.peer, Some(self.server_core), &arguments)?;
        let address = loop_.line()?;
        self.client(&address, false)?;
        let plain = loop_.report()?;
        let mut cost = milliseconds_per_gigabit(plain.cpu_seconds, plain.bytes);
        if self.case.tls {
            let rustls =
                Running::start(&self.executables.peer, Some(self.server_core), &["rustls", role])?
                    .report()?;
            cost += milliseconds_per_gigabit(rustls.cpu_seconds, rustls.bytes);
        }
        Ok(cost)
    }

    fn client(&self, address: &str, ndt7: bool) -> Result<Report> {
        let seconds = self.seconds.to_string();
        let message;
        let mut arguments = match self.case.direction {
            Direction::Download => vec!["drain", address],
            Direction::Upload { message: size } => {
                message = size.to_string();
                vec!["fill", address, "--seconds", &seconds, "--message", &message]
            }
        };
        if ndt7 {
            arguments.extend(match self.case.direction {
                Direction::Download => ["--upgrade", "/ndt/v7/download"],
                Direction::Upload { .. } => ["--upgrade", "/ndt/v7/upload"],
            });
            if self.case.tls {
                arguments.push("--tls");
            }
        }
        Running::start(&self.executables.peer, Some(self.client_core), &arguments)?
            .report()
            .with_context(|| format!("run the client of `{}`", self.case.name))
    }
}

fn milliseconds_per_gigabit(cpu_seconds: f64, bytes: u64) -> f64 {
    cpu_seconds * 1e3 / (bytes as f64 * 8e-9)
}
