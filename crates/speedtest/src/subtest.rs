//! One direction of a test: an event loop over one connection.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use trigpoint_ndt7::{ConnectionInfo, Direction, MAX_MESSAGE_BYTES, Measurement, spec};
use trigpoint_websocket::{Close, CloseCode, Event, Limits, ProtocolError, Reader, Role};

use crate::outgoing::Outgoing;
use crate::summary::{bits_per_second, received};
use crate::{Error, Settings, connect};
use trigpoint_transport::Transport;

/// How often progress is reported and the limits are checked.
const TICK: Duration = Duration::from_millis(100);
/// Measurements kept; an honest server sends about fifty.
const MAX_MEASUREMENTS: usize = 4096;

/// How far a running test is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The direction that runs.
    pub direction: Direction,
    /// Since its handshake.
    pub elapsed: Duration,
    /// Download: payload bytes received. Upload: bytes received according to
    /// the server's latest measurement, since what was written here may still
    /// be waiting here.
    pub bytes: u64,
    /// The mean rate so far.
    pub bits_per_second: f64,
}

/// What one direction gave.
#[derive(Debug)]
pub(crate) struct Record {
    /// Payload bytes of the bulk.
    pub(crate) bytes: u64,
    /// From the handshake to the last byte of it.
    pub(crate) elapsed: Duration,
    pub(crate) uuid: Option<String>,
    /// This end of the connection, as this host has it.
    pub(crate) own_address: Option<SocketAddr>,
    /// The same, as the server sees it.
    pub(crate) seen_address: Option<SocketAddr>,
    /// The latest measurement of the server with figures in it.
    pub(crate) last: Option<Measurement>,
    /// All of the server's measurements as received.
    pub(crate) texts: Vec<String>,
}

/// Runs one direction from the name of the server to the end of the connection.
pub(crate) async fn run(
    settings: &Settings,
    direction: Direction,
    progress: &mut impl FnMut(Progress),
) -> Result<Record, Error> {
    let server = settings.target.to_string();
    let (transport, early) = connect::open(settings, direction).await?;
    let mut subtest = Subtest::new(server, direction, transport, early);
    subtest.transfer(progress).await?;
    Ok(subtest.record)
}

struct Subtest {
    server: String,
    direction: Direction,
    transport: Transport,
    /// Bytes that came with the handshake; read before the transport's.
    early: Vec<u8>,
    reader: Reader,
    outgoing: Outgoing,
    /// Why nothing can be sent any more. What the server sent before is still
    /// read, down to its Close.
    unsendable: Option<io::Error>,
    started: Instant,
    record: Record,
}

/// What moved.
enum Step {
    Received(Event),
    /// Bytes came that complete nothing yet.
    Partial,
    Sent,
    EndOfStream,
}

/// Why nothing moves any more.
enum Stop {
    Io(io::Error),
    Protocol(ProtocolError),
}

impl Subtest {
    fn new(server: String, direction: Direction, transport: Transport, early: Vec<u8>) -> Self {
        let limits =
            Limits { message_bytes: spec::MAX_MESSAGE_SIZE, text_bytes: MAX_MESSAGE_BYTES as u64 };
        let own_address = transport.socket().local_addr().ok();
        Self {
            server,
            direction,
            transport,
            early,
            reader: Reader::new(Role::Client, limits),
            outgoing: Outgoing::new(direction == Direction::Upload),
            unsendable: None,
            started: Instant::now(),
            record: Record {
                bytes: 0,
                elapsed: Duration::ZERO,
                uuid: None,
                own_address,
                seen_address: None,
                last: None,
                texts: Vec::new(),
            },
        }
    }

    /// Until the server's Close and the end of the connection.
    async fn transfer(&mut self, progress: &mut impl FnMut(Progress)) -> Result<(), Error> {
        let cap = self.started + spec::MAX_RUNTIME;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut moved = self.started;
        loop {
            let step = tokio::select! {
                biased;
                now = tick.tick() => {
                    progress(self.progress(now));
                    if now >= cap {
                        return Err(Error::TooLong { server: self.server.clone() });
                    }
                    if now.saturating_duration_since(moved) >= spec::IO_TIMEOUT {
                        return Err(Error::Stalled { server: self.server.clone() });
                    }
                    continue;
                }
                step = poll_fn(|cx| self.poll_step(cx)) => step,
            };
            moved = Instant::now();
            match step {
                Ok(Step::Received(Event::Close(close))) => {
                    progress(self.progress(moved));
                    self.finish(CloseCode::NORMAL, cap).await;
                    return self.judge(close);
                }
                Ok(Step::Received(event)) => self.receive(event, moved)?,
                Ok(Step::Partial | Step::Sent) => {}
                Ok(Step::EndOfStream) => {
                    let error = self.unsendable.take();
                    return self.ended(error);
                }
                Err(Stop::Io(error)) => return self.ended(Some(error)),
                Err(Stop::Protocol(source)) => {
                    self.finish(source.close_code(), moved + TICK).await;
                    return Err(Error::Protocol { server: self.server.clone(), source });
                }
            }
        }
    }

    /// Reads what is there, otherwise writes what can be written.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, Stop>> {
        if let Poll::Ready(step) = self.poll_receive(cx) {
            return Poll::Ready(step);
        }
        if self.unsendable.is_some() {
            return Poll::Pending;
        }
        self.outgoing.poll_send(cx, &mut self.transport).map(|sent| {
            self.unsendable = sent.err();
            Ok(Step::Sent)
        })
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, Stop>> {
        if !self.early.is_empty() {
            let (taken, event) = self.reader.read(&self.early).map_err(Stop::Protocol)?;
            self.early.drain(..taken);
            return Poll::Ready(Ok(event.map_or(Step::Partial, Step::Received)));
        }
        let due = self.reader.remaining_payload();
        if let Some(discarded) = self.transport.poll_discard(cx, due) {
            return discarded.map(|discarded| match discarded.map_err(Stop::Io)? {
                0 => Ok(Step::EndOfStream),
                n => {
                    self.reader.discard(n);
                    Ok(Step::Received(Event::Discarded(n)))
                }
            });
        }
        self.transport.poll_fill(cx).map(|filled| {
            if !filled.map_err(Stop::Io)? {
                return Ok(Step::EndOfStream);
            }
            let (taken, event) =
                self.reader.read(self.transport.buffer()).map_err(Stop::Protocol)?;
            self.transport.consume(taken);
            Ok(event.map_or(Step::Partial, Step::Received))
        })
    }

    fn receive(&mut self, event: Event, now: Instant) -> Result<(), Error> {
        match event {
            Event::Discarded(n) => {
                self.record.bytes += n;
                self.record.elapsed = now - self.started;
            }
            Event::Ping(payload) => self.outgoing.pong(&payload),
            Event::Text(text) => self.measured(text)?,
            Event::Header(_) | Event::Pong(_) | Event::Close(_) => {}
        }
        Ok(())
    }

    /// Keeps a measurement as it came. One that does not parse is kept too:
    /// what the server said is the record, the figures are only read from it.
    fn measured(&mut self, text: String) -> Result<(), Error> {
        if self.record.texts.len() == MAX_MEASUREMENTS {
            let server = self.server.clone();
            return Err(Error::TooManyMeasurements { server, limit: MAX_MEASUREMENTS });
        }
        match Measurement::parse(&text) {
            Ok(measurement) => {
                if let Some(info) = &measurement.connection_info {
                    self.connected(info);
                }
                if measurement.tcp_info.is_some() || measurement.app_info.is_some() {
                    self.record.last = Some(measurement);
                }
            }
            Err(error) => tracing::debug!(server = self.server, %error, "unknown text message"),
        }
        self.record.texts.push(text);
        Ok(())
    }

    fn connected(&mut self, info: &ConnectionInfo) {
        if !info.uuid.is_empty() {
            self.record.uuid = Some(info.uuid.clone());
        }
        if let Ok(seen) = info.client.parse() {
            self.record.seen_address = Some(seen);
        }
    }

    fn progress(&self, now: Instant) -> Progress {
        let elapsed = now - self.started;
        let (bytes, elapsed_us) = match self.direction {
            Direction::Download => (self.record.bytes, elapsed.as_micros() as u64),
            Direction::Upload => self.record.last.as_ref().and_then(received).unwrap_or((0, 1)),
        };
        Progress {
            direction: self.direction,
            elapsed,
            bytes,
            bits_per_second: bits_per_second(bytes, elapsed_us),
        }
    }

    /// Answers the server's Close, or sends our own, and reads to the end. All
    /// figures are there by now, so nothing that fails here matters.
    async fn finish(&mut self, code: CloseCode, deadline: Instant) {
        let reason = if code == CloseCode::NORMAL { spec::CLOSE_REASON } else { "" };
        self.outgoing.close(code, reason);
        let Self { outgoing, transport, .. } = self;
        let closing = async {
            poll_fn(|cx| outgoing.poll_finish(cx, transport)).await?;
            poll_fn(|cx| transport.poll_shutdown(cx)).await?;
            while poll_fn(|cx| transport.poll_fill(cx)).await? {
                let n = transport.buffer().len();
                transport.consume(n);
            }
            io::Result::Ok(())
        };
        match timeout_at(deadline, pin!(closing)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(server = self.server, %error, "unclean end"),
            Err(_) => tracing::debug!(server = self.server, "the server left the connection open"),
        }
    }

    /// Whether the server's Close says that the test went well.
    fn judge(&self, close: Option<Close>) -> Result<(), Error> {
        match close {
            Some(Close { code, reason }) if code != CloseCode::NORMAL => {
                Err(Error::Closed { server: self.server.clone(), code, reason })
            }
            _ => Ok(()),
        }
    }

    /// The connection is gone without a Close. An upload is measured by the
    /// server, so its last measurement stands; a download is cut off.
    fn ended(&self, error: Option<io::Error>) -> Result<(), Error> {
        if self.direction == Direction::Upload
            && self.record.last.as_ref().and_then(received).is_some()
        {
            return Ok(());
        }
        let server = self.server.clone();
        let bytes = match self.direction {
            Direction::Download => self.record.bytes,
            Direction::Upload => self.outgoing.sent(),
        };
        Err(match error {
            Some(source) => Error::Broken { server, bytes, source },
            None => Error::Ended { server, bytes },
        })
    }
}
