//! An ndt7 client: download and upload over ws and wss, with live progress and
//! a summary that keeps every measurement of the server as it was sent.
//!
//! Owns the client's side of a test, from the name of the server to the figures.
//! Must never print, choose an exit code or read the command line; the options
//! its messages name (`--insecure`, `--cacert`) are the program's that calls it.
//!
//! Protocol: `trigpoint_ndt7`; limits as in M-Lab's clients (7 s without a byte,
//! 15 s for a direction).
#![forbid(unsafe_code)]

mod connect;
mod error;
mod handshake;
mod outgoing;
mod settings;
mod subtest;
mod summary;
mod target;
mod tls;

use trigpoint_ndt7::Direction;

pub use error::{Error, Failure};
pub use settings::Settings;
pub use subtest::Progress;
pub use summary::{Client, Download, Summary, Upload};
pub use target::{Target, TargetError};

/// Runs the directions that are asked for, one after the other, and stops at
/// the first that fails. `Ok` means that each of them has a rate.
pub async fn run(
    settings: &Settings,
    mut progress: impl FnMut(Progress),
) -> Result<Summary, Failure> {
    let mut summary = Summary::new(&settings.target);
    for direction in [Direction::Download, Direction::Upload] {
        let outcome = match direction {
            Direction::Download if !settings.skip_download => {
                let result = subtest::run(settings, direction, &mut progress).await;
                result.and_then(|record| summary.add_download(&settings.target, record))
            }
            Direction::Upload if !settings.skip_upload => {
                let result = subtest::run(settings, direction, &mut progress).await;
                result.and_then(|record| summary.add_upload(&settings.target, record))
            }
            _ => Ok(()),
        };
        if let Err(source) = outcome {
            return Err(Failure { direction, completed: Box::new(summary), source });
        }
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
