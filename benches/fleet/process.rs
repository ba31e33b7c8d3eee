//! The operator under measurement.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use trigpoint_testkit::cluster::NAMESPACE;
use trigpoint_testkit::{ApiServer, Process, Stream};

const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct Operator {
    process: Process,
    admin: SocketAddr,
}

/// How long plans took: how many took at most so many seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    buckets: Vec<(f64, u64)>,
}

impl Operator {
    pub(crate) fn start(executable: &Path, server: &ApiServer, writes_per_second: f64) -> Self {
        let mut command = Command::new(executable);
        command.args(["operator", "--namespace", NAMESPACE, "--lease-namespace", NAMESPACE]);
        command.args(["--identity", "one", "--admin-listen", "127.0.0.1:0"]);
        command.args(["--writes-per-second", &writes_per_second.to_string()]);
        command.env("KUBECONFIG", server.operators_kubeconfig());
        let process = Process::start(&mut command);
        let admin = process.line(Stream::Stdout, DEADLINE, |line| {
            line.strip_prefix("admin")?.trim().strip_prefix("http://")?.parse().ok()
        });
        Self { process, admin }
    }

    pub(crate) fn stop(self) {
        self.process.stop(DEADLINE).expect_code(0);
    }

    /// CPU time of all its threads so far, in seconds (`/proc/PID/task/*/schedstat`).
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let mut nanoseconds = 0_u64;
        let folder = format!("/proc/{}/task", self.process.id());
        for task in fs::read_dir(&folder).with_context(|| format!("list `{folder}`"))? {
            let path = task.with_context(|| format!("list `{folder}`"))?.path().join("schedstat");
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            nanoseconds += text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(nanoseconds as f64 / 1e9)
    }

    /// The most memory that it had resident so far, in bytes.
    pub(crate) fn most_resident(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = fs::read_to_string(&path).with_context(|| format!("read `{path}`"))?;
        let kibibytes = text.lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse::<u64>().ok()
        });
        Ok(kibibytes.with_context(|| format!("find VmHWM in `{path}`"))? * 1024)
    }

    pub(crate) fn plan_seconds(&self) -> Result<Histogram> {
        const BUCKET: &str = "trigpoint_operator_plan_seconds_bucket{le=\"";
        let text = self.metrics().context("read the operator's metrics")?;
        let bucket = |line: &str| {
            let (edge, count) = line.strip_prefix(BUCKET)?.split_once("\"} ")?;
            let edge = if edge == "+Inf" { f64::INFINITY } else { edge.parse().ok()? };
            Some((edge, count.parse().ok()?))
        };
        Ok(Histogram { buckets: text.lines().filter_map(bucket).collect() })
    }

    fn metrics(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Histogram {
    /// What came since an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let of_before = |edge: f64| {
            let known = before.buckets.iter().find(|(known, _)| known.total_cmp(&edge).is_eq());
            known.map_or(0, |(_, count)| *count)
        };
        let buckets = self.buckets.iter().map(|(edge, count)| (*edge, count - of_before(*edge)));
        Self { buckets: buckets.collect() }
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// That share of plans took at most so many seconds: the edge of a bucket, so the
    /// true figure is not above it.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let wanted = (share * self.count() as f64).ceil() as u64;
        let bucket = self.buckets.iter().find(|(_, count)| *count >= wanted);
        bucket.map_or(f64::NAN, |(edge, _)| *edge)
    }
}
