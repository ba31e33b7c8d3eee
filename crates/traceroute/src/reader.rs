//! The connection to the event socket: made again whenever it ends, and one
//! line at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tracing::{debug, info, warn};
use trigpoint_mlab::{FlowEvent, FlowEventError, MAX_LINE_BYTES};

use crate::metrics::Metrics;

/// Between tries to connect; a server that starts again takes longer.
const PAUSE: Duration = Duration::from_millis(250);

/// Where events come from.
#[derive(Debug)]
pub enum Source {
    /// The socket of a server in another process, which may come and go.
    Path(PathBuf),
    /// The other end of a server in this process; when it ends, nothing follows.
    Stream(UnixStream),
}

/// What the reader has to say.
#[derive(Debug)]
pub(crate) enum Read {
    Event(FlowEvent),
    /// The server, or the line to it, has ended.
    CutOff,
}

/// Reads for ever, or to the end of a stream.
#[derive(Debug)]
pub(crate) struct Reader {
    path: Option<PathBuf>,
    lines: Option<BufReader<UnixStream>>,
    line: Vec<u8>,
    is_reported: bool,
    metrics: Metrics,
}

impl Reader {
    pub(crate) fn new(source: Source, metrics: Metrics) -> Self {
        let (path, stream) = match source {
            Source::Path(path) => (Some(path), None),
            Source::Stream(stream) => (None, Some(stream)),
        };
        let lines = stream.map(BufReader::new);
        metrics.connected.set(lines.is_some().into());
        Self { path, lines, line: Vec::new(), is_reported: false, metrics }
    }

    /// Whether it reads from a server now.
    pub(crate) fn is_connected(&self) -> bool {
        self.lines.is_some()
    }

    /// The next event or end; `None` when there will be no other.  Safe to
    /// cancel.
    pub(crate) async fn next(&mut self) -> Option<Read> {
        loop {
            let Some(lines) = &mut self.lines else {
                let path = self.path.clone()?;
                self.connect(&path).await;
                continue;
            };
            match line(lines, &mut self.line).await {
                Ok(true) => {
                    let event = parse(&self.line);
                    self.line.clear();
                    match event {
                        Ok(event) => return Some(Read::Event(event)),
                        Err(error) => {
                            self.metrics.garbage.inc();
                            debug!(%error, "a line of the event socket was not understood");
                        }
                    }
                }
                end => {
                    if let Err(error) = end {
                        debug!(%error, "the event socket broke");
                    }
                    info!("the event socket ended");
                    self.line.clear();
                    self.lines = None;
                    self.metrics.connected.set(0);
                    return Some(Read::CutOff);
                }
            }
        }
    }

    async fn connect(&mut self, path: &Path) {
        match UnixStream::connect(path).await {
            Ok(stream) => {
                info!(path = %path.display(), "reading the event socket");
                self.lines = Some(BufReader::new(stream));
                self.is_reported = false;
                self.metrics.connected.set(1);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_reported, true) {
                    let path = path.display();
                    warn!(%path, %error, "cannot connect to the event socket; trying again");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Appends up to the end of a line, or of as many bytes as a line may have;
/// false at the end of the stream.  What was appended stays when cancelled.
async fn line(lines: &mut BufReader<UnixStream>, line: &mut Vec<u8>) -> io::Result<bool> {
    while line.last() != Some(&b'\n') {
        let most = (MAX_LINE_BYTES + 2).saturating_sub(line.len());
        if most == 0 {
            // Too long: its rest is a line of its own, and no event either.
            return Ok(true);
        }
        if AsyncReadExt::take(&mut *lines, most as u64).read_until(b'\n', line).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn parse(line: &[u8]) -> Result<FlowEvent, FlowEventError> {
    FlowEvent::parse(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']))
}

#[cfg(test)]
mod tests;
