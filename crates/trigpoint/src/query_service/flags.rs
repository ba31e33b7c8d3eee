//! How much queries may take, of every program that serves them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use trigpoint_process::{Failure, duration};
use trigpoint_query::Settings;

use crate::data_directory::DataDirectory;

/// Bounds on queries.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Queries")]
pub(crate) struct QueryFlags {
    /// Memory for all queries together; rows are kept in half of it, since DataFusion
    /// does not count the copies that it makes of them
    #[arg(
        long,
        env = "TRIGPOINT_QUERY_MEMORY_TOTAL",
        value_name = "SIZE",
        default_value = "2GiB",
        value_parser = size
    )]
    query_memory_total: u64,
    /// Memory for one query, in half of which it keeps rows; what does not fit goes to disk
    #[arg(
        long,
        env = "TRIGPOINT_QUERY_MEMORY",
        value_name = "SIZE",
        default_value = "1GiB",
        value_parser = size
    )]
    query_memory: u64,
    /// Directory for what does not fit [default: `spill` in the data directory]
    #[arg(long, env = "TRIGPOINT_QUERY_SPILL_DIR", value_name = "DIR")]
    query_spill_dir: Option<PathBuf>,
    /// Disk for what does not fit, of all queries together
    #[arg(
        long,
        env = "TRIGPOINT_QUERY_SPILL",
        value_name = "SIZE",
        default_value = "20GiB",
        value_parser = size
    )]
    query_spill: u64,
    /// A query ends after this time, the reading of its rows included
    #[arg(
        long,
        env = "TRIGPOINT_QUERY_TIME",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = duration::parse
    )]
    query_time: Duration,
    /// An answer has no more rows
    #[arg(long, env = "TRIGPOINT_QUERY_ROWS", value_name = "ROWS", default_value = "20000000")]
    query_rows: u64,
    /// Queries that run at a time
    #[arg(long, env = "TRIGPOINT_QUERIES", value_name = "QUERIES", default_value = "8")]
    queries: usize,
    /// Queries that wait for others to end; further ones are refused
    #[arg(long, env = "TRIGPOINT_QUERIES_WAITING", value_name = "QUERIES", default_value = "64")]
    queries_waiting: usize,
    /// Connections at a time; further ones are closed
    #[arg(
        long,
        env = "TRIGPOINT_QUERY_CONNECTIONS",
        value_name = "CONNECTIONS",
        default_value = "512"
    )]
    query_connections: usize,
}

impl QueryFlags {
    /// The settings that they ask for, in a process that takes so many bytes `beside`.
    pub(crate) fn settings(
        &self,
        data: &DataDirectory,
        beside: usize,
    ) -> Result<Settings, Failure> {
        if self.queries == 0 {
            return Err(Failure::Usage(anyhow!("--queries must be at least 1")));
        }
        let directory = self.query_spill_dir.clone().unwrap_or_else(|| data.spill());
        let mut settings = Settings::new(directory);
        settings.limits.memory_bytes = usize::try_from(self.query_memory_total)?;
        settings.limits.query_memory_bytes = usize::try_from(self.query_memory)?;
        settings.limits.beside_bytes = Some(beside);
        settings.limits.spill_bytes = self.query_spill;
        settings.run_at_most = self.query_time;
        settings.rows = self.query_rows;
        settings.queries = self.queries;
        settings.waiting = self.queries_waiting;
        settings.connections = self.query_connections;
        Ok(settings)
    }
}

/// Reads `512MiB` or `2GiB`.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write it like `512MiB` or `2GiB`");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let shift = match unit {
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or_else(wrong)
}
