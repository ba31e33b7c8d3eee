//! The flags that every executable with a tracer has.

use std::time::Duration;

use clap::ValueEnum;
use trigpoint_multipath::{FailureProbability, Strategy};
use trigpoint_prober::{Method, Prefix};
use trigpoint_process::{duration, limits};
use trigpoint_record::tables::traces::Trigger;

use crate::{Tracing, engine};

/// Whom to trace, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Tracing")]
pub struct TracingFlags {
    /// When a client is traced: at the close of its connection, beside no test, or at its open
    #[arg(long, env = "TRIGPOINT_TRACE_AT", value_name = "EVENT", default_value = "close")]
    trace_at: At,
    /// Whose clients are traced: of connections that carried a test, or of all
    #[arg(long, env = "TRIGPOINT_TRACE", value_name = "WHICH", default_value = "tests")]
    trace: Which,
    /// How paths are looked for
    #[arg(
        long,
        env = "TRIGPOINT_TRACE_ALGORITHM",
        value_name = "NAME",
        default_value = "mda-lite"
    )]
    trace_algorithm: Algorithm,
    /// What probes are; icmp needs the sysctl net.ipv4.ping_group_range
    #[arg(long, env = "TRIGPOINT_TRACE_PROTOCOL", value_name = "NAME", default_value = "udp")]
    trace_protocol: Protocol,
    /// How likely a whole trace may be to miss something
    #[arg(
        long,
        env = "TRIGPOINT_TRACE_FAILURE_PROBABILITY",
        value_name = "0..0.5",
        default_value_t = 0.05,
        value_parser = failure_probability
    )]
    failure_probability: f64,
    /// Network that is never probed, more than once or with commas for several
    #[arg(long, env = "TRIGPOINT_TRACE_EXCLUDE", value_name = "PREFIX", value_delimiter = ',')]
    exclude: Vec<Prefix>,
    /// Leave private addresses alone
    #[arg(long, env = "TRIGPOINT_TRACE_SKIP_PRIVATE")]
    skip_private: bool,
    /// How long a trace counts for others from the same address, or the same /64
    #[arg(
        long,
        env = "TRIGPOINT_TRACE_CACHE",
        value_name = "DURATION",
        default_value = "10m",
        value_parser = duration::parse
    )]
    trace_cache: Duration,
    /// Traces at the same time
    #[arg(long, env = "TRIGPOINT_MAX_TRACES", value_name = "NUMBER", default_value_t = 100)]
    max_traces: usize,
    /// Clients that wait at the same time; more are skipped
    #[arg(long, env = "TRIGPOINT_MAX_WAITING", value_name = "NUMBER", default_value_t = 10_000)]
    max_waiting: usize,
    /// Probes per second of all traces together
    #[arg(long, env = "TRIGPOINT_MAX_PROBE_RATE", value_name = "NUMBER", default_value_t = 2000)]
    max_probe_rate: u32,
    /// What people who see a probe may read in it, such as a URL
    #[arg(
        long,
        env = "TRIGPOINT_TRACE_CONTACT",
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    trace_contact: String,
    /// Receive by raw sockets, which need CAP_NET_RAW and show more
    #[arg(long, env = "TRIGPOINT_TRACE_RAW")]
    trace_raw: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum At {
    Open,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Tests,
    All,
}

/// How paths are looked for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Algorithm {
    /// Each interface is probed by flows that are known to cross it
    Mda,
    /// Hop by hop, at about half the probes; what is meshed or asymmetric by mda
    MdaLite,
    /// One flow, one path
    Paris,
}

impl Algorithm {
    /// As the engine calls it.
    pub fn strategy(self) -> Strategy {
        match self {
            Self::Mda => Strategy::Mda,
            Self::MdaLite => Strategy::MdaLite,
            Self::Paris => Strategy::SinglePath,
        }
    }
}

/// TCP probes would touch the services of people who did not ask.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Protocol {
    Udp,
    Icmp,
}

impl TracingFlags {
    /// Whom to trace, and how.
    pub fn tracing(&self) -> Tracing {
        Tracing {
            trigger: match self.trace_at {
                At::Open => Trigger::Open,
                At::Close => Trigger::Close,
            },
            tests_only: self.trace == Which::Tests,
            exclude: self.exclude.iter().copied().collect(),
            skip_private: self.skip_private,
            max_running: self.max_traces,
            max_waiting: self.max_waiting,
            cache_age: self.trace_cache,
            engine: engine::Settings {
                trace: trigpoint_multipath::Settings {
                    strategy: self.trace_algorithm.strategy(),
                    failure_probability: FailureProbability::PerTrace(self.failure_probability),
                    ..trigpoint_multipath::Settings::default()
                },
                method: match self.trace_protocol {
                    Protocol::Udp => Method::UDP,
                    Protocol::Icmp => Method::Icmp,
                },
                prober: trigpoint_prober::Settings {
                    contact: self.trace_contact.clone(),
                    exclude: self.exclude.iter().copied().collect(),
                    raw: self.trace_raw,
                    sockets: sockets(),
                    ..trigpoint_prober::Settings::default()
                },
                probes_per_s: self.max_probe_rate,
            },
        }
    }
}

/// Half of the files that this process may have open, at most: the spool needs
/// some too, and so does a server in this process.
fn sockets() -> usize {
    let most = trigpoint_prober::Settings::default().sockets;
    limits::open_files().map_or(most, |files| most.min(files as usize / 2))
}

/// Reads how likely a trace may be to miss something.
pub fn failure_probability(text: &str) -> Result<f64, &'static str> {
    let probability: f64 = text.parse().map_err(|_| "a probability is a number")?;
    if probability > 0.0 && probability <= 0.5 {
        Ok(probability)
    } else {
        Err("a failure probability is above 0 and at most 0.5")
    }
}
