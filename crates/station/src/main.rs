//! `trigpoint-station`: the slim executable of a station's pod, without the
//! tables and without Kubernetes.

mod check;
mod delivery;
mod ending;
mod identity;
mod server;
mod traceroute;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use trigpoint_process::{exit, telemetry, tls};

/// A station that measures, keeps what it measured, and delivers it to a collector
#[derive(Debug, Parser)]
#[command(name = "trigpoint-station", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    telemetry: telemetry::Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    Server(server::Options),
    Traceroute(traceroute::Options),
}

fn main() -> ExitCode {
    tls::install_provider();
    let command_line = match exit::parse::<CommandLine>() {
        Ok(command_line) => command_line,
        Err(code) => return code,
    };
    command_line.telemetry.init(telemetry::SERVICE);
    exit::report(match command_line.command {
        Command::Server(options) => server::run(&options),
        Command::Traceroute(options) => traceroute::run(&options),
    })
}
