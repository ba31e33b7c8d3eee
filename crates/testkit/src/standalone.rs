//! `trigpoint standalone` under test, and SQL over what it stored.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::{Directory, Finished, Process, Stream, run};

/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(2);

/// A running station with free ports, which stores below the test's directory.
#[derive(Debug)]
pub struct Standalone {
    process: Process,
    ws: String,
    wss: String,
    lake: Lake,
}

/// The tables below a test's directory; they outlive the station.
#[derive(Debug, Clone)]
pub struct Lake {
    executable: String,
    data_dir: std::path::PathBuf,
}

impl Standalone {
    /// Starts `executable` with `arguments` added, and waits until it serves.
    #[track_caller]
    pub fn start(executable: &str, directory: &Directory, arguments: &[&str]) -> Self {
        Self::start_with(Command::new(executable), executable, directory, arguments)
    }

    /// The same from a command that ends up in `executable`, such as
    /// `Namespace::command`.
    #[track_caller]
    pub fn start_with(
        command: Command,
        executable: &str,
        directory: &Directory,
        arguments: &[&str],
    ) -> Self {
        Self::start_on(command, executable, &directory.join("data"), arguments)
    }

    /// The same on a data directory that may hold an earlier station's.
    #[track_caller]
    pub fn start_on(
        mut command: Command,
        executable: &str,
        data_dir: &Path,
        arguments: &[&str],
    ) -> Self {
        let lake = Lake { executable: executable.to_owned(), data_dir: data_dir.to_owned() };
        command.args(["standalone", "--ws-port", "0", "--wss-port", "0", "--data-dir"]);
        let process = Process::start(command.arg(&lake.data_dir).args(arguments));
        let url = |scheme: &str| {
            process.line(Stream::Stdout, DEADLINE, |line| {
                let (_, rest) = line.split_once(" speedtest ")?;
                let url = rest.split_whitespace().next()?;
                url.starts_with(scheme).then(|| url.to_owned())
            })
        };
        let (ws, wss) = (url("ws://"), url("wss://"));
        Self { process, ws, wss, lake }
    }

    /// `ws://HOST:PORT`
    pub fn ws(&self) -> &str {
        &self.ws
    }

    /// `wss://HOST:PORT`; its certificate is self-signed.
    pub fn wss(&self) -> &str {
        &self.wss
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What it stores.
    pub fn lake(&self) -> &Lake {
        &self.lake
    }

    /// The rows that a new `trigpoint query` process sees.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<Value> {
        self.lake.query(sql)
    }

    /// Ends it as SIGTERM does, with everything stored.
    #[track_caller]
    pub fn stop(self) -> Lake {
        let finished: Finished = self.process.stop(DEADLINE);
        finished.expect_code(0);
        self.lake
    }
}

impl Lake {
    /// A command of the executable, on this data.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(arguments).arg("--data-dir").arg(&self.data_dir);
        command
    }

    /// The rows that a new `trigpoint query` process sees, one object each.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<Value> {
        let finished = run(&mut self.command(&["query", "--format", "json", sql]), DEADLINE);
        finished.expect_code(0);
        serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("{error} in the answer to `{sql}`: {}", finished.stdout))
    }

    /// The first row; the test fails without one.
    #[track_caller]
    pub fn row(&self, sql: &str) -> Value {
        let mut rows = self.query(sql);
        assert!(!rows.is_empty(), "no row answers `{sql}`");
        rows.swap_remove(0)
    }
}
