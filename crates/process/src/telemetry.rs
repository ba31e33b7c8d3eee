//! Logs: to stderr, filtered as in `RUST_LOG`, as text or JSON lines.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// What services log: starts, stops, refusals, faults.
pub const SERVICE: &str = "trigpoint=info";
/// What commands that talk to a person log beside what they print.
pub const PERSON: &str = "trigpoint=warn";

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Flags that every program has.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// What to log on stderr, as in `trigpoint=debug` or `trigpoint_server=trace`
    #[arg(
        long = "log",
        env = "RUST_LOG",
        value_name = "FILTER",
        value_parser = filter,
        global = true,
        help_heading = "Logs"
    )]
    log_filter: Option<String>,
    /// How log lines look
    #[arg(
        long = "log-format",
        env = "TRIGPOINT_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true,
        help_heading = "Logs"
    )]
    log_format: Format,
}

fn filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned())
}

impl Settings {
    /// Sends this process's logs to stderr, those that pass `default` if none were
    /// asked for. A second call in one process changes nothing.
    pub fn init(&self, default: &str) {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(self.log_filter.as_deref().unwrap_or(default)))
            .with_span_events(FmtSpan::NONE)
            .with_writer(std::io::stderr);
        // The error says that a subscriber is already there: it stays.
        let _ = match self.log_format {
            Format::Text => {
                builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
            }
            Format::Json => builder.json().flatten_event(true).try_init(),
        };
    }
}
