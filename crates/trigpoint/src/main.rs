//! `trigpoint`: the command line and every program by subcommand.

mod accounts;
mod annotation;
mod collector;
mod command;
mod completions;
mod data_directory;
mod export;
mod fleet;
mod gate;
mod lake;
mod maintenance;
mod operator;
mod output;
mod query;
mod query_service;
mod series;
mod source;
mod speedtest;
mod standalone;
mod tables;
mod trace;
mod version;

use std::process::ExitCode;

use mimalloc::MiMalloc;
use trigpoint_process::{exit, tls};

/// Encoding Parquet takes and gives back some 200 MB for each commit, on whatever
/// thread is free, and rows that stay lie between.  glibc keeps that for each of
/// its arenas, and grew to gigabytes (`cargo xtask bench growth`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    tls::install_provider();
    match exit::parse::<command::CommandLine>() {
        Ok(command_line) => exit::report(command_line.run()),
        Err(code) => code,
    }
}
