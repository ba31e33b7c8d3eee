//! What an operator may tune.

use std::path::PathBuf;
use std::time::Duration;

use trigpoint_lake::Limits;

/// Bounds of a query service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Memory and disk of queries, and the age of what they see.
    pub limits: Limits,
    /// Queries that run at a time.
    pub queries: usize,
    /// Queries that wait for others to end; further ones are told to come back.
    pub waiting: usize,
    /// How long a query waits at most.
    pub wait_at_most: Duration,
    /// How long a query runs at most, the sending of its rows included.
    pub run_at_most: Duration,
    /// Rows of one answer.
    pub rows: u64,
    /// Tests of either side that a gate compares, if it does not need more; of further
    /// ones it takes a sample by the hash of their `flow_id`.
    pub gate_samples: usize,
    /// Bytes of one statement.
    pub sql_bytes: usize,
    /// Connections at a time; further ones are closed.
    pub connections: usize,
    /// How long a connection says nothing at most; longer than the interval in which
    /// [`crate::transport`] asks for signs of life.
    pub silent_at_most: Duration,
}

impl Settings {
    /// The defaults, with a directory for what does not fit into memory.
    pub fn new(spill_directory: PathBuf) -> Self {
        Self {
            limits: Limits {
                memory_bytes: 2 << 30,
                query_memory_bytes: 1 << 30,
                beside_bytes: None,
                spill_directory,
                spill_bytes: 20 << 30,
                snapshot_age: Duration::from_secs(1),
            },
            queries: 8,
            waiting: 64,
            wait_at_most: Duration::from_secs(30),
            run_at_most: Duration::from_mins(5),
            rows: 20_000_000,
            gate_samples: 100_000,
            sql_bytes: 64 << 10,
            connections: 512,
            silent_at_most: Duration::from_secs(45),
        }
    }
}
