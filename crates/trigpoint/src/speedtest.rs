//! `trigpoint speedtest`: an ndt7 test against any server, from a terminal.

use std::io::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;
use trigpoint_process::Failure;
use trigpoint_speedtest::{Settings, Target};

mod progress;
mod summary;
mod synthetic;

pub(crate) use progress::Display;
pub(crate) use summary::text;
use synthetic::Synthetic;

/// Test the line to an ndt7 server: download, then upload
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// `ws://HOST:PORT`, `wss://HOST:PORT`, or HOST[:PORT], which is asked over TLS
    #[arg(env = "TRIGPOINT_SERVER", value_name = "URL|HOST")]
    server: String,
    /// Ask a bare HOST without TLS
    #[arg(long, env = "TRIGPOINT_PLAIN")]
    plain: bool,
    /// Accept any certificate
    #[arg(long, env = "TRIGPOINT_INSECURE", conflicts_with = "cacert")]
    insecure: bool,
    /// Trust the certificates of this PEM file instead of the system's
    #[arg(long, env = "TRIGPOINT_CACERT", value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Run one direction and leave the other out
    #[arg(long, env = "TRIGPOINT_ONLY", value_name = "DIRECTION")]
    only: Option<Direction>,
    /// How the result is printed
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Show no progress
    #[arg(long, short, env = "TRIGPOINT_QUIET")]
    quiet: bool,
    #[command(flatten)]
    synthetic: Synthetic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object, with every measurement of the server as it was received
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// From the server to here
    Download,
    /// From here to the server
    Upload,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let target = Target::parse(&options.server, options.plain).map_err(Failure::usage)?;
    let settings = Settings {
        insecure: options.insecure,
        cacert: options.cacert,
        skip_download: options.only == Some(Direction::Upload),
        skip_upload: options.only == Some(Direction::Download),
        token: options.synthetic.token()?,
        ..Settings::new(target)
    };
    let mut display = if options.quiet { Display::hidden() } else { Display::on_stderr() };
    let result = trigpoint_speedtest::run(&settings, |progress| display.show(progress)).await;
    display.finish();
    let (summary, failure) = match result {
        Ok(summary) => (summary, None),
        // What had finished before is worth something too.
        Err(failure) => (*failure.completed.clone(), Some(failure)),
    };
    let printed = match options.format {
        Format::Text => text(&summary),
        Format::Json => serde_json::to_string(&summary)? + "\n",
    };
    if failure.is_none() || summary.download.is_some() || summary.upload.is_some() {
        std::io::stdout().write_all(printed.as_bytes())?;
    }
    match failure {
        Some(failure) => Err(failure.into()),
        None => options.synthetic.leave(&summary),
    }
}
