//! The connection to the event socket: made again whenever it ends, and one
//! line at a time.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tracing::{debug, info, warn};
use trigpoint_mlab::{FlowEvent, MAX_LINE_BYTES};

use crate::metrics::Metrics;

/// Between tries to connect; a server that starts again takes longer.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes that are read at the end at most; a socket holds less (`wmem_default`).
const REST: u64 = 1 << 20;

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
    /// A server was found, which first tells what is open.
    Connected,
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

    /// What comes next; `None` when nothing will.  Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Read> {
        loop {
            let Some(lines) = &mut self.lines else {
                let path = self.path.as_deref()?;
                match connect(path) {
                    Ok(stream) => {
                        info!(path = %path.display(), "reading the event socket");
                        self.lines = Some(BufReader::new(stream));
                        self.is_reported = false;
                        self.metrics.connected.set(1);
                        return Some(Read::Connected);
                    }
                    Err(error) if !self.is_reported => {
                        let path = path.display();
                        warn!(%path, %error, "cannot connect to the event socket; trying again");
                        self.is_reported = true;
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            match line(lines, &mut self.line).await {
                Ok(true) => {
                    let event = parse(&self.line, &self.metrics);
                    self.line.clear();
                    if let Some(event) = event {
                        return Some(Read::Event(event));
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

    /// The events that were written to the socket until now, without waiting for more;
    /// it is closed then.
    pub(crate) fn rest(&mut self) -> Vec<FlowEvent> {
        let Some(lines) = self.lines.take() else { return Vec::new() };
        self.metrics.connected.set(0);
        let mut rest = std::mem::take(&mut self.line);
        rest.extend_from_slice(lines.buffer());
        // Not by tokio, which may not yet know of what has come.
        let stream = lines.into_inner().into_std();
        let read = stream.and_then(|stream| stream.take(REST).read_to_end(&mut rest));
        if let Err(error) = read
            && error.kind() != io::ErrorKind::WouldBlock
        {
            debug!(%error, "the event socket broke");
        }
        let whole = rest.split_inclusive(|byte| *byte == b'\n').filter(|it| it.ends_with(b"\n"));
        whole.filter_map(|line| parse(line, &self.metrics)).collect()
    }
}

/// At once or not at all: of a connection that was given up half-way, the server has
/// perhaps told already what it does not tell again.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.connect(&SockAddr::unix(path)?)?;
    UnixStream::from_std(socket.into())
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

/// The event of a line; what is none is counted.
fn parse(line: &[u8], metrics: &Metrics) -> Option<FlowEvent> {
    let event = FlowEvent::parse(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
    if let Err(error) = &event {
        metrics.garbage.inc();
        debug!(%error, "a line of the event socket was not understood");
    }
    event.ok()
}

#[cfg(test)]
mod tests;
