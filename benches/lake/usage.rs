//! What this process has used, and how long things took.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// Seconds of CPU time of this process, with its threads that have ended.
pub(crate) fn cpu_of_process() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Seconds of CPU time of the living threads of this process with this name
/// (`/proc/PID/task/*/schedstat`, nanoseconds: the kernel's sched-stats.rst).
pub(crate) fn cpu_of_threads(name: &str) -> Result<f64> {
    let mut nanoseconds = 0;
    for task in fs::read_dir("/proc/self/task").context("list the threads")? {
        let task = task.context("list the threads")?.path();
        // A thread may end between the listing and the reading.
        let Ok(comm) = fs::read_to_string(task.join("comm")) else { continue };
        let Ok(times) = fs::read_to_string(task.join("schedstat")) else { continue };
        if comm.trim_end() == name {
            nanoseconds += times.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(nanoseconds as f64 / 1e9)
}

/// A line of `/proc/self/status` that is in kibibytes, in bytes.
fn status_bytes(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
    Ok(kibibytes.with_context(|| format!("find {name} in /proc/self/status"))? * 1024)
}

/// Resident memory now.
pub(crate) fn resident_bytes() -> Result<u64> {
    status_bytes("VmRSS")
}

/// The highest that resident memory has been.
pub(crate) fn peak_bytes() -> Result<u64> {
    status_bytes("VmHWM")
}

/// Median and 95th percentile, in milliseconds.
pub(crate) fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| {
        let rank = (share * times.len() as f64).ceil() as usize;
        times.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    format!("p50 {:.1} ms, p95 {:.1} ms of {} commits", at(0.5), at(0.95), times.len())
}
