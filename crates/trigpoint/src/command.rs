//! The subcommands, and what is common to all of them.

use clap::{Parser, Subcommand};
use trigpoint_process::{Failure, telemetry};

use crate::{
    annotation, collector, completions, export, fleet, gate, lake, operator, query, query_service,
    series, speedtest, standalone, tables, trace, version,
};

/// A measurement station for the internet: run it, test against it, query what it saw
#[derive(Debug, Parser)]
#[command(name = "trigpoint", version, max_term_width = 100)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    telemetry: telemetry::Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    Standalone(Box<standalone::Options>),
    Speedtest(speedtest::Options),
    Trace(trace::Options),
    Query(query::Options),
    Series(series::Options),
    Export(export::Options),
    Gate(Box<gate::Options>),
    Lake(lake::Options),
    Annotation(annotation::Options),
    Tables(tables::Options),
    Collector(collector::Options),
    QueryService(query_service::Options),
    Operator(Box<operator::Options>),
    Fleet(fleet::Options),
    Version(version::Options),
    Completions(completions::Options),
}

impl CommandLine {
    /// Runs the subcommand on a runtime of its own.
    pub(crate) fn run(self) -> Result<(), Failure> {
        self.telemetry.init(match self.command {
            Command::Collector(_) | Command::QueryService(_) | Command::Operator(_) => {
                telemetry::SERVICE
            }
            _ => telemetry::PERSON,
        });
        let runtime = tokio::runtime::Runtime::new()?;
        let result = runtime.block_on(async {
            match self.command {
                Command::Standalone(options) => Box::pin(standalone::run(*options)).await,
                Command::Speedtest(options) => speedtest::run(options).await,
                Command::Trace(options) => trace::run(options).await,
                Command::Query(options) => query::run(options).await,
                Command::Series(options) => series::run(options).await,
                Command::Export(options) => export::run(options).await,
                Command::Gate(options) => Box::pin(gate::run(*options)).await,
                Command::Lake(options) => lake::run(options).await,
                Command::Annotation(options) => annotation::run(&options),
                Command::Tables(options) => tables::run(&options),
                Command::Collector(options) => collector::run(options).await,
                Command::QueryService(options) => query_service::run(options).await,
                Command::Operator(options) => Box::pin(operator::run(*options)).await,
                Command::Fleet(options) => fleet::run(options).await,
                Command::Version(options) => version::run(&options),
                Command::Completions(options) => completions::run(&options),
            }
        });
        // Blocking calls that nobody waits for any more must not hold up the exit.
        runtime.shutdown_background();
        result
    }
}
