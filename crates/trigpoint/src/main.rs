//! `trigpoint`: the command line and every program by subcommand.

mod collector;
mod command;
mod completions;
mod data_directory;
mod query;
mod speedtest;
mod standalone;
mod tables;
mod version;

use std::process::ExitCode;

use trigpoint_process::{exit, tls};

fn main() -> ExitCode {
    tls::install_provider();
    match exit::parse::<command::CommandLine>() {
        Ok(command_line) => exit::report(command_line.run()),
        Err(code) => code,
    }
}
