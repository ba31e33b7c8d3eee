//! Processes under measurement: pinned, and their CPU time and memory.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::command::{cargo, output, run};
use crate::tools;

/// What `bench-peer` prints when it ends.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Report {
    pub(crate) bytes: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) wall_seconds: f64,
}

/// The optimised executables under measurement.
pub(crate) struct Executables {
    pub(crate) station: PathBuf,
    pub(crate) peer: PathBuf,
}

impl Executables {
    /// Builds them in the release profile (without DataFusion, so in minutes).
    pub(crate) fn build() -> Result<Self> {
        run(&mut cargo(&[
            "build",
            "--release",
            "--locked",
            "--quiet",
            "-p",
            "trigpoint-station",
            "-p",
            "trigpoint-testkit",
            "--bins",
        ]))?;
        let target = tools::built("release")?;
        Ok(Self { station: target.join("trigpoint-station"), peer: target.join("bench-peer") })
    }
}

/// Builds a bench target, optimised; the path of its executable.
pub(crate) fn bench_target(package: &str, name: &str) -> Result<String> {
    let mut bench = cargo(&["bench", "-p", package, "--bench", name, "--no-run", "--locked"]);
    let messages = output(bench.arg("--message-format=json-render-diagnostics"))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .with_context(|| format!("find the executable of `benches/{name}.rs` in cargo's messages"))
}

/// A child process that is killed when it goes out of scope.
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts `program` on one core, or on all of them without one.
    pub(crate) fn start(program: &Path, core: Option<usize>, arguments: &[&str]) -> Result<Self> {
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(program);
                command
            }
            None => Command::new(program),
        };
        let mut child = command
            .args(arguments)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start `{}`", program.display()))?;
        let stdout = child.stdout.take().context("take the child's output")?;
        Ok(Self { child, lines: BufReader::new(stdout).lines() })
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> Result<String> {
        match self.lines.next() {
            Some(line) => line.context("read the child's output"),
            None => bail!("the child ended without saying more: {:?}", self.child.wait()?),
        }
    }

    /// The first line that contains `word`.
    pub(crate) fn line_with(&mut self, word: &str) -> Result<String> {
        loop {
            let line = self.line()?;
            if line.contains(word) {
                return Ok(line);
            }
        }
    }

    /// Waits for its report.
    pub(crate) fn report(mut self) -> Result<Report> {
        let line = self.line_with("{")?;
        let report = serde_json::from_str(&line).with_context(|| format!("read `{line}`"))?;
        self.child.wait().context("wait for the child")?;
        Ok(report)
    }

    /// CPU time of all its threads so far, in seconds (`/proc/PID/task/*/schedstat`,
    /// nanoseconds; Documentation/scheduler/sched-stats.rst).
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let mut nanoseconds = 0_u64;
        let folder = format!("/proc/{}/task", self.child.id());
        for task in fs::read_dir(&folder).with_context(|| format!("list `{folder}`"))? {
            let path = task.with_context(|| format!("list `{folder}`"))?.path().join("schedstat");
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            nanoseconds += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(nanoseconds as f64 / 1e9)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).with_context(|| format!("read `{path}`"))?;
        text.lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok())
            .map(|kibibytes| kibibytes * 1024)
            .with_context(|| format!("find VmRSS in `{path}`"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell otherwise.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A station with its data in a folder of its own.
pub(crate) struct Station {
    pub(crate) process: Running,
    pub(crate) ws: String,
    pub(crate) wss: String,
    data: PathBuf,
}

impl Station {
    /// `trigpoint-station server` without a collector.
    pub(crate) fn start(
        executables: &Executables,
        core: Option<usize>,
        congestion_control: &str,
        seconds: f64,
    ) -> Result<Self> {
        let arguments = [
            "server",
            "--admin-port",
            "0",
            "--congestion-control",
            congestion_control,
            "--max-tests",
            "1000",
        ];
        Self::serve(&executables.station, core, &arguments, seconds)
    }

    /// `trigpoint standalone`.
    pub(crate) fn standalone(executable: &Path, seconds: f64) -> Result<Self> {
        Self::serve(executable, None, &["standalone"], seconds)
    }

    fn serve(
        executable: &Path,
        core: Option<usize>,
        arguments: &[&str],
        seconds: f64,
    ) -> Result<Self> {
        let data = std::env::temp_dir().join(format!("trigpoint-bench-{}", std::process::id()));
        fs::create_dir_all(&data).with_context(|| format!("create `{}`", data.display()))?;
        let seconds = format!("{seconds}s");
        let folder = data.to_string_lossy().into_owned();
        let common = [
            "--listen",
            "127.0.0.1",
            "--ws-port",
            "0",
            "--wss-port",
            "0",
            "--data-dir",
            &folder,
            "--test-duration",
            &seconds,
        ];
        let mut process = Running::start(executable, core, &[arguments, &common].concat())?;
        let ws = address(&process.line_with("ws://")?, "ws://")?;
        let wss = address(&process.line_with("wss://")?, "wss://")?;
        Ok(Self { process, ws, wss, data })
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.data).ok();
    }
}

/// `127.0.0.1:8080` in `… ws://127.0.0.1:8080/…`.
fn address(line: &str, scheme: &str) -> Result<String> {
    line.split(scheme)
        .nth(1)
        .and_then(|rest| rest.split(['/', ' ']).next())
        .map(str::to_owned)
        .with_context(|| format!("find an address in `{line}`"))
}
