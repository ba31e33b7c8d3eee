//! `trigpoint trace`: all load-balanced paths to a host, without privilege.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::anyhow;
use clap::ValueEnum;
use trigpoint_multipath::FailureProbability;
use trigpoint_prober::{Family, Method};
use trigpoint_process::Failure;
use trigpoint_process::host::Host;
use trigpoint_record::tables::traces::{Findings, Outcome};
use trigpoint_traceroute::{Algorithm, Engine, EngineSettings, export, failure_probability};

use crate::data_directory::DataDirectory;

mod follow;
mod screen;
mod stored;
mod target;

use screen::Screen;

/// Where most hosts that listen at all do so.
const HTTPS: u16 = 443;
/// Of a trace that is alone: its own pace is slower.
const PROBES_PER_S: u32 = 5000;

/// Find all load-balanced paths to a host, or show those of a stored test
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
pub(crate) struct Options {
    /// Name or address
    #[arg(env = "TRIGPOINT_TRACE_HOST", required_unless_present = "flow_id")]
    host: Option<String>,
    /// Trace the host's IPv4 address
    #[arg(short = '4', long, env = "TRIGPOINT_TRACE_IPV4", conflicts_with = "ipv6")]
    ipv4: bool,
    /// Trace the host's IPv6 address
    #[arg(short = '6', long, env = "TRIGPOINT_TRACE_IPV6")]
    ipv6: bool,
    /// How paths are looked for
    #[arg(
        long,
        env = "TRIGPOINT_TRACE_ALGORITHM",
        value_name = "NAME",
        default_value = "mda-lite"
    )]
    algorithm: Algorithm,
    /// How likely the whole trace may be to miss something
    #[arg(
        long,
        env = "TRIGPOINT_TRACE_FAILURE_PROBABILITY",
        value_name = "0..0.5",
        default_value_t = 0.05,
        value_parser = failure_probability
    )]
    failure_probability: f64,
    /// What probes are
    #[arg(long, env = "TRIGPOINT_TRACE_PROTOCOL", value_name = "NAME", default_value = "udp")]
    protocol: Protocol,
    /// Port that probes are sent to [default: 33435 for udp, 443 for tcp]
    #[arg(long, env = "TRIGPOINT_TRACE_PORT", value_name = "NUMBER")]
    port: Option<u16>,
    /// Receive by raw sockets, which need CAP_NET_RAW and show more
    #[arg(long, env = "TRIGPOINT_TRACE_RAW")]
    raw: bool,
    /// What people who see a probe may read in it, such as a URL
    #[arg(
        long,
        env = "TRIGPOINT_TRACE_CONTACT",
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    contact: String,
    /// How the result is printed
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Show no progress
    #[arg(long, short, env = "TRIGPOINT_QUIET")]
    quiet: bool,
    /// Trace nothing: show the stored trace to the client of this connection (`flow_id` in table
    /// `traces`)
    #[arg(long, env = "TRIGPOINT_FLOW_ID", value_name = "ID", conflicts_with = "host")]
    flow_id: Option<String>,
    #[command(flatten)]
    data: DataDirectory,
}

/// What probes are.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Protocol {
    /// Datagrams to a port where nobody listens
    Udp,
    /// Echo requests; needs the sysctl net.ipv4.ping_group_range
    Icmp,
    /// Connection attempts, which the host's service may log
    Tcp,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A table of hops with their branches
    Text,
    /// One JSON object with the columns of table `traces`
    Json,
    /// scamper's JSON lines, as M-Lab's parser reads them
    Scamper,
    /// A graph for Graphviz
    Dot,
    /// A picture
    Svg,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    if let Some(flow_id) = &options.flow_id {
        let stored = stored::find(flow_id, &options.data).await?;
        let metadata = matches!(options.format, Format::Scamper).then(|| stored.metadata());
        let printed = options.format.print(flow_id, &stored.findings)?;
        std::io::stdout().write_all((metadata.unwrap_or_default() + &printed).as_bytes())?;
        return Ok(());
    }
    let host = options.host.clone().unwrap_or_default();
    let target = target::find(&host, options.family()).await?;
    let screen = if options.quiet { Screen::hidden() } else { Screen::of_terminal() };
    let engine = Engine::without_metrics(options.engine())?;
    let traced = follow::to_the_end(&engine, &host, target, screen).await?;
    let Some(run) = traced.run else {
        let reason = traced.detail.unwrap_or_default();
        return Err(target::advice(&host, target, traced.outcome, &reason));
    };
    let findings = Findings {
        target,
        outcome: traced.outcome,
        outcome_detail: traced.detail,
        run: Some(Arc::new(run)),
    };
    let printed = options.format.print(&host, &findings)?;
    std::io::stdout().write_all(printed.as_bytes())?;
    match findings.outcome {
        // What was found before is worth something too.
        Outcome::Failed => Err(anyhow!(findings.outcome_detail.unwrap_or_default()).into()),
        _ => Ok(()),
    }
}

impl Options {
    fn family(&self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        }
    }

    fn engine(&self) -> EngineSettings {
        EngineSettings {
            trace: trigpoint_multipath::Settings {
                strategy: self.algorithm.strategy(),
                failure_probability: FailureProbability::PerTrace(self.failure_probability),
                ..trigpoint_multipath::Settings::default()
            },
            method: match self.protocol {
                Protocol::Udp => self.port.map_or(Method::UDP, |port| Method::Udp { port }),
                Protocol::Icmp => Method::Icmp,
                Protocol::Tcp => Method::Tcp { port: self.port.unwrap_or(HTTPS) },
            },
            prober: trigpoint_prober::Settings {
                contact: self.contact.clone(),
                raw: self.raw,
                ..trigpoint_prober::Settings::default()
            },
            probes_per_s: PROBES_PER_S,
        }
    }
}

impl Format {
    fn print(self, host: &str, findings: &Findings) -> Result<String, Failure> {
        let Findings { target, outcome, outcome_detail, run } = findings;
        let run = run.as_deref().ok_or_else(|| {
            let reason = outcome_detail.as_deref().unwrap_or(outcome.name());
            anyhow!("{target} was not traced: {reason}")
        });
        Ok(match self {
            // It has a place for the reason.
            Self::Json => export::json(findings) + "\n",
            Self::Text => export::table(host, *target, run?) + "\n" + &export::summary(findings),
            Self::Scamper => trigpoint_mlab::scamper(*target, run?, &Host::read().name),
            Self::Dot => export::dot(*target, run?),
            Self::Svg => export::svg(*target, run?),
        })
    }
}
