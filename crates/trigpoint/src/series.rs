//! `trigpoint series`: what the kernel saw of one flow, over time.

use std::env;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::ValueEnum;
use trigpoint_archive::series;
use trigpoint_process::Failure;

use crate::data_directory::DataDirectory;
use crate::output::{Output, unless_interrupted};

mod stored;

use stored::Stored;

/// Columns where there is no terminal to ask.
const WIDTH: usize = 100;

/// Plot the snapshots of one flow: round-trip time, congestion window, rate, limits
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Connection (`flow_id` in every table), which for ndt7 is also the `test_id`
    #[arg(env = "TRIGPOINT_FLOW_ID", required_unless_present = "last")]
    flow_id: Option<String>,
    /// The newest test that is stored, or the newest in this direction
    #[arg(
        long,
        env = "TRIGPOINT_LAST",
        value_name = "DIRECTION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "any",
        conflicts_with = "flow_id"
    )]
    last: Option<Last>,
    #[command(flatten)]
    data: DataDirectory,
    /// How they are shown [default: by the extension of --output, or text]
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT")]
    format: Option<Format>,
    /// File that is made instead of writing to stdout
    #[arg(long, short, env = "TRIGPOINT_OUTPUT", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, env = "TRIGPOINT_FORCE", requires = "output")]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Last {
    /// In either direction
    Any,
    /// To the client
    Download,
    /// From the client
    Upload,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A plot for terminals, in their width
    #[value(alias = "txt")]
    Text,
    /// A picture
    Svg,
    /// The columns of the plot, a line per snapshot
    Csv,
    /// The same as one array of objects
    Json,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let format = options.format()?;
    options.data.check_readable()?;
    let lake = options.data.lake()?;
    unless_interrupted(Box::pin(async {
        let output = match &options.output {
            Some(path) => Output::at(path, options.force)?,
            None => Output::stdout(),
        };
        let flow_id = match (&options.flow_id, options.last) {
            (Some(flow_id), _) => stored::parse(flow_id)?,
            (None, last) => {
                stored::newest(&lake, last.and_then(Last::direction), &options.data).await?
            }
        };
        let stored = Stored::find(&lake, &flow_id, &options.data).await?;
        match format {
            Format::Csv => output.write(stored.rows().await?, trigpoint_lake::Format::Csv).await,
            Format::Json => output.write(stored.rows().await?, trigpoint_lake::Format::Json).await,
            Format::Svg => output.print(&series::svg(&stored.series().await?)),
            Format::Text => output.print(&options.text(&stored.series().await?)),
        }
    }))
    .await?;
    Ok(())
}

impl Options {
    fn format(&self) -> Result<Format, Failure> {
        let Some(path) = self.output.as_deref().filter(|_| self.format.is_none()) else {
            return Ok(self.format.unwrap_or(Format::Text));
        };
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.and_then(|name| Format::from_str(name, true).ok()).ok_or_else(|| {
            let path = path.display();
            Failure::Usage(anyhow!(
                "`{path}` does not end in .svg, .csv, .json or .txt: add --format svg|csv|json|text"
            ))
        })
    }

    fn text(&self, series: &series::Series) -> String {
        let is_seen = self.output.is_none() && io::stdout().is_terminal();
        let size = if is_seen { terminal_size::terminal_size() } else { None };
        let width = size.map_or(WIDTH, |(width, _)| width.0.into());
        // https://no-color.org
        let is_plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        series::text(series, width, is_seen && !is_plain)
    }
}

impl Last {
    /// As table `speed_tests` has it.
    fn direction(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Download => Some("download"),
            Self::Upload => Some("upload"),
        }
    }
}
