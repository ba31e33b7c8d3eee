//! Exit codes, and the one line on stderr that explains them.

use std::env;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind as ClapErrorKind;

/// Bad usage or configuration: `EX_USAGE` of sysexits.h.
pub const USAGE: u8 = 64;
/// The program could not start, or what it was asked to do failed.
pub const FAILED: u8 = 1;

/// A question could not be answered, where 1 is an answer: as grep and diff say it.
pub const UNANSWERED: u8 = 2;

/// Why a program ends without success.
#[derive(Debug)]
pub enum Failure {
    /// The flags, the environment or a file named there is wrong: exit code 64.
    Usage(anyhow::Error),
    /// Anything else: exit code 1.
    Failed(anyhow::Error),
    /// What was asked could not be found out, which says nothing of the answer:
    /// exit code 2.
    Unanswered(anyhow::Error),
}

impl Failure {
    /// Marks an error as the fault of the configuration.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(error.into())
    }

    /// The error on one line, outermost first.
    fn line(&self) -> String {
        let (Self::Usage(error) | Self::Failed(error) | Self::Unanswered(error)) = self;
        // Causes that their parent already quotes are not said twice.
        let mut line = String::new();
        for cause in error.chain().map(ToString::to_string) {
            if line.is_empty() {
                line = cause;
            } else if !line.contains(&cause) {
                line = format!("{line}: {cause}");
            }
        }
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Whether the reader of stdout went away, as `head` does: no failure at all.
    fn is_broken_pipe(&self) -> bool {
        let (Self::Usage(error) | Self::Failed(error) | Self::Unanswered(error)) = self;
        error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Parses flags and environment. On bad usage prints one line and returns 64;
/// after `--help` or `--version` returns success.
pub fn parse<T: Parser>() -> Result<T, ExitCode> {
    let arguments = env::args_os().map(no_flag_if_comment);
    T::try_parse_from(arguments).map_err(|error| match error.kind() {
        ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion => {
            // Nobody is left to tell when stdout is closed.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(USAGE)
        }
        _ => {
            eprint_line(&usage_line(&error.render().to_string()));
            ExitCode::from(USAGE)
        }
    })
}

/// SQL out of a file begins with a comment, `-- Tests of a city`, which is no flag.
fn no_flag_if_comment(argument: OsString) -> OsString {
    match argument.as_encoded_bytes() {
        [b'-', b'-', next, ..] if next.is_ascii_whitespace() => {
            let mut text = OsString::from(" ");
            text.push(argument);
            text
        }
        _ => argument,
    }
}

/// Turns a program's result into its exit code, and says on stderr what failed.
pub fn report(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprint_line(&format!("error: {}", failure.line()));
            match failure {
                Failure::Usage(_) => ExitCode::from(USAGE),
                Failure::Failed(_) => ExitCode::from(FAILED),
                Failure::Unanswered(_) => ExitCode::from(UNANSWERED),
            }
        }
    }
}

/// clap's first paragraph with its tip, without the usage that `--help` shows.
fn usage_line(rendered: &str) -> String {
    let mut paragraphs = rendered
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let message = paragraphs.next().unwrap_or_default();
    match paragraphs.next() {
        Some(tip) if tip.starts_with("tip:") => format!("{message} ({tip})"),
        _ => message,
    }
}

fn eprint_line(line: &str) {
    use io::Write as _;
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn an_error_and_its_causes_make_one_line() {
        let error = Err::<(), _>(io::Error::other("disk\n  on fire"))
            .context("cannot open `x`")
            .unwrap_err();
        assert_eq!(Failure::Failed(error).line(), "cannot open `x`: disk on fire");
    }

    #[test]
    fn a_cause_that_is_quoted_already_is_not_said_twice() {
        let error = anyhow::anyhow!("disk full").context("cannot write `x`: disk full");
        assert_eq!(Failure::Failed(error).line(), "cannot write `x`: disk full");
    }

    #[test]
    fn a_closed_stdout_is_success_even_below_other_errors() {
        let error = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe)).context("rows");
        assert!(Failure::Failed(error).is_broken_pipe());
    }

    #[test]
    fn bad_usage_is_one_line_with_the_tip() {
        #[derive(Debug, Parser)]
        struct Flags {
            #[arg(long)]
            ws_port: Option<u16>,
        }
        let error = Flags::try_parse_from(["x", "--ws-prt", "1"]).unwrap_err();
        let line = usage_line(&error.render().to_string());
        assert_eq!(
            line,
            "error: unexpected argument '--ws-prt' found \
             (tip: a similar argument exists: '--ws-port')"
        );
        assert!(Flags::try_parse_from(["x"]).unwrap().ws_port.is_none());
    }
}
