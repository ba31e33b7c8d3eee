//! `trigpoint standalone`: a whole system in one process, from the speed test
//! to SQL, for one machine and for trying it out.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use prometheus::Registry;
use trigpoint_collector::{Authenticator, Collector};
use trigpoint_process::host::{self, Host};
use trigpoint_process::{Failure, Shutdown, VERSION, limits};
use trigpoint_record::FlowIdPrefix;
use trigpoint_server::LameDuck;
use trigpoint_server::station::{Defaults, Error, Flags, Settings, Station};
use trigpoint_traceroute::{Ending, Service, Source};
use trigpoint_uplink::{Endpoint, Pipe};

use crate::annotation::AnnotationFlags;
use crate::data_directory::DataDirectory;
use crate::maintenance;

mod announcement;
mod questions;
mod trial;
mod visibility;

/// The collector is in this process, so only its last commits take time.
const FLUSH_DEADLINE: Duration = Duration::from_secs(30);
/// Whoever ends it does not want to wait for a trace.
const TRACE_GRACE: Duration = Duration::from_secs(2);
/// With one station, small commits of everything cost little.
const COMMIT_AT_LATEST: Duration = Duration::from_secs(2);

/// Run a station, its tables and SQL in one process on this machine
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDirectory,
    /// Run one test over loopback, and print its result and its rows
    #[arg(long = "try", env = "TRIGPOINT_TRY")]
    trial: bool,
    /// End after the trial
    #[arg(long, env = "TRIGPOINT_EXIT", requires = "trial")]
    exit: bool,
    /// Only say whether the configuration is good
    #[arg(long, env = "TRIGPOINT_CHECK_CONFIG")]
    check_config: bool,
    #[command(flatten)]
    maintenance: maintenance::MaintenanceFlags,
    #[command(flatten)]
    annotation: AnnotationFlags,
    #[command(flatten)]
    serving: Flags,
    #[command(flatten)]
    tracing: trigpoint_traceroute::TracingFlags,
    #[command(flatten)]
    questions: questions::QuestionFlags,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    limits::raise_open_files();
    options.data.make()?;
    let (pipe, incoming) = trigpoint_uplink::pipe();
    let settings = options.settings(pipe.clone())?;
    let maintenance = options.maintenance.settings();
    Station::check(&settings).map_err(Error::into_failure)?;
    let databases = options.annotation.databases()?;
    let questions = options.questions.check(&options.data)?;
    if options.check_config {
        options.data.lake()?;
        writeln!(io::stdout(), "the configuration is good")?;
        return Ok(());
    }
    let lake = options.data.proven_lake().await?;
    let shutdown = Shutdown::install()?;
    let mut station = Station::assemble(settings).map_err(Error::into_failure)?;
    let tracer = options.tracer(pipe, &mut station)?;
    let events = station.event_reader()?;
    let settings = trigpoint_collector::Settings {
        commit_at_latest: COMMIT_AT_LATEST,
        // On a slow disk too: whoever tested looks for the row at once.
        commit_spacing: COMMIT_AT_LATEST,
        maintenance,
        annotation: databases.into(),
        ..trigpoint_collector::Settings::for_lake(&lake)
    };
    let collector = Collector::start(lake.clone(), settings, &Registry::new())?;
    let ingest = trigpoint_collector::transport()
        .add_service(collector.service(Authenticator::Local))
        .serve_with_incoming(incoming);
    tokio::spawn(ingest);
    let questions = questions.serve(&lake, &shutdown)?;

    announcement::print_name(&options.data)?;
    let (ws, wss) = addresses(&station)?;
    let running = tokio::spawn(station.run(shutdown.clone()));
    // Ends behind the station, whose last clients it traces.
    let tracer_shutdown = Shutdown::new();
    let tracing = tokio::spawn(tracer.run(tracer_shutdown.clone()));
    let tried = if options.trial { trial::run(ws, &lake, &shutdown).await } else { Ok(Vec::new()) };
    if !options.exit {
        announcement::print_uses(ws, wss, &options.data)?;
    }
    announcement::print_questions(&options.data, questions)?;
    if !options.exit {
        announcement::print_end()?;
        let trial = tried.as_deref().unwrap_or_default().to_vec();
        tokio::spawn(visibility::print_first(lake.clone(), events, trial));
    }
    if options.exit {
        shutdown.begin();
    }
    let ended = running.await?;
    tracer_shutdown.begin();
    let traced = tracing.await?;
    collector.stop().await;
    ended.map_err(Error::into_failure)?;
    traced.map_err(trigpoint_traceroute::Error::into_failure)?;
    tried.map(drop)
}

/// Where a client on this machine finds the station: ws and wss.
fn addresses(station: &Station) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let first = |addresses: Vec<SocketAddr>| {
        addresses.first().copied().map(announcement::reachable).context("there is no address")
    };
    Ok((first(station.ws_addresses())?, first(station.wss_addresses())?))
}

impl Options {
    fn tracer(&self, pipe: Pipe, station: &mut Station) -> Result<Service, Failure> {
        let settings = trigpoint_traceroute::Settings {
            events: Source::Stream(station.event_reader()?),
            tracing: self.tracing.tracing(),
            admin: None,
            identity: identity(Host::read()),
            spool_directory: self.data.traces_spool(),
            spool: trigpoint_spool::Settings::default(),
            collector: Some(Endpoint::Pipe(pipe)),
            ending: Ending {
                // The station is gone by then, so this is not waited out.
                lame_duck: TRACE_GRACE,
                grace: TRACE_GRACE,
                flush_deadline: FLUSH_DEADLINE,
            },
        };
        Service::assemble(settings).map_err(trigpoint_traceroute::Error::into_failure)
    }

    fn settings(&self, pipe: Pipe) -> Result<Settings, Failure> {
        let host = Host::read();
        let defaults = Defaults { listen: host::loopback_addresses(), lame_duck: LameDuck::NONE };
        Ok(Settings {
            server: self.serving.settings(defaults, &self.data.tls())?,
            admin_port: None,
            prefix: FlowIdPrefix::new(&host.name, host.boot_time_s),
            identity: identity(host),
            spool_directory: self.data.spool(),
            spool: trigpoint_spool::Settings::default(),
            collector: Some(Endpoint::Pipe(pipe)),
            flush_deadline: FLUSH_DEADLINE,
        })
    }
}

/// What every row says about this machine.
fn identity(host: Host) -> trigpoint_record::Station {
    trigpoint_record::Station {
        machine: host.name,
        software_version: VERSION.to_owned(),
        kernel_release: host.kernel_release,
        virtualisation: host.virtualisation.unwrap_or_default(),
        ..trigpoint_record::Station::default()
    }
}
