//! The life of one test's connection after the upgrade: one task that moves
//! data, sends the measurements that the measurer takes beside it, and ends
//! with the closing handshake.
//!
//! The loop waits for nothing but the peer's socket; samples come to it.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use tokio::task::coop::consume_budget;
use tokio::time::{sleep, sleep_until};
use trigpoint_ndt7::{ConnectionInfo, Direction, MAX_MESSAGE_BYTES, Measurement, spec};
use trigpoint_process::{Phase, Shutdown};
use trigpoint_record::tables::speed_tests::{
    AppInfo, ClientMeasurement, EndReason, LastReading, ServerMeasurement,
};
use trigpoint_tcpinfo::Congestion;
use trigpoint_transport::Transport;
use trigpoint_websocket::{CloseCode, Event, Limits, ProtocolError, Reader, Role};

use crate::backlog::Backlog;
use crate::clock;
use crate::measurement::measurement;
use crate::measurer::{Sample, Samples};
use crate::outgoing::Outgoing;

/// Client measurements kept of one test; an honest client sends about fifty of
/// a few hundred bytes.
const MAX_CLIENT_MEASUREMENTS: usize = 1000;
const MAX_CLIENT_MEASUREMENT_BYTES: usize = 1 << 20;

/// For the Close and the client's answer to it, once the station must end.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// What a test's connection said and did.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) transport: Transport,
    direction: Direction,
    connection: ConnectionInfo,
    started: Instant,
    /// Bytes that came with the handshake; read before the transport's.
    early: Bytes,
    reader: Reader,
    outgoing: Outgoing,
    backlog: Backlog,
    /// Why nothing can be sent any more. What the client sent before is still
    /// read, down to its Close.
    unsendable: Option<io::Error>,
    application_bytes: Arc<AtomicU64>,
    pub(crate) server_measurements: Vec<ServerMeasurement>,
    pub(crate) client_measurements: Vec<ClientMeasurement>,
    client_measurement_bytes: usize,
    pub(crate) client_close_code: Option<u16>,
    pub(crate) last: Option<LastReading>,
}

/// Why a test ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: EndReason,
    pub(crate) detail: Option<String>,
    /// Close to answer with, where ours has not been sent.
    close: Option<CloseCode>,
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

impl Exchange {
    pub(crate) fn new(
        transport: Transport,
        early: Bytes,
        direction: Direction,
        early_exit_bytes: Option<u64>,
        connection: ConnectionInfo,
        started: Instant,
    ) -> Self {
        let limits =
            Limits { message_bytes: spec::MAX_MESSAGE_SIZE, text_bytes: MAX_MESSAGE_BYTES as u64 };
        let is_download = direction == Direction::Download;
        Self {
            transport,
            direction,
            connection,
            started,
            early,
            reader: Reader::new(Role::Server, limits),
            outgoing: Outgoing::new(is_download, early_exit_bytes.filter(|_| is_download)),
            backlog: Backlog::UNKNOWN,
            unsendable: None,
            application_bytes: Arc::default(),
            server_measurements: Vec::new(),
            client_measurements: Vec::new(),
            client_measurement_bytes: 0,
            client_close_code: None,
            last: None,
        }
    }

    /// Payload given to the kernel (download) or received (upload), for the measurer.
    pub(crate) fn application_bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.application_bytes)
    }

    /// From the upgrade to the end of the stream, in any case before `cap`, and
    /// at once where the station must end: the test's row is to be written yet.
    pub(crate) async fn run(
        &mut self,
        mut samples: Samples,
        cap: Instant,
        shutdown: &Shutdown,
    ) -> End {
        // Patience comes first: after a peer that always has more to read, the
        // task's budget is used up, and a timer would not fire.
        let mut end = tokio::select! {
            biased;
            reason = out_of_patience(cap, shutdown) => End::new(reason),
            end = self.converse(&mut samples, shutdown) => end,
        };
        self.last_reading(&mut samples).await;
        if let Some(code) = end.close.take() {
            self.outgoing.close(code, end.detail.as_deref().unwrap_or_default());
        }
        tokio::select! {
            biased;
            reason = out_of_patience(cap, shutdown) => {
                if end.reason == EndReason::Completed {
                    end.reason = reason;
                }
            }
            () = self.finish() => {}
        }
        end
    }

    async fn converse(&mut self, samples: &mut Samples, shutdown: &Shutdown) -> End {
        let mut is_measuring = true;
        let mut limit_seen = false;
        let mut closing = None;
        loop {
            // A read may hold thousands of tiny frames: other tests on this
            // thread get their turn between them.
            consume_budget().await;
            let step = tokio::select! {
                biased;
                sample = samples.next(), if is_measuring => {
                    is_measuring = sample.as_ref().is_some_and(|sample| !sample.is_last);
                    if let Some(sample) = sample {
                        self.send_measurement(&sample);
                    }
                    if !is_measuring {
                        self.outgoing.close(CloseCode::NORMAL, spec::CLOSE_REASON);
                        closing = Some(if limit_seen {
                            EndReason::EarlyExit
                        } else {
                            EndReason::Completed
                        });
                    }
                    continue;
                }
                step = poll_fn(|cx| self.poll_step(cx)) => step,
                () = shutdown.reached(Phase::Flushing), if closing.is_none() => {
                    let end = End::new(EndReason::StationStopped);
                    return End { close: Some(CloseCode::GOING_AWAY), ..end };
                }
            };
            match step {
                Ok(Step::Received(Event::Close(close))) => {
                    self.client_close_code = close.map(|close| close.code.0);
                    let end = End::new(closing.unwrap_or(EndReason::ClientClosed));
                    return End { close: closing.is_none().then_some(CloseCode::NORMAL), ..end };
                }
                Ok(Step::Received(event)) => self.receive(event),
                Ok(Step::Partial) => {}
                Ok(Step::Sent) => {
                    if self.direction == Direction::Download {
                        self.application_bytes.store(self.outgoing.sent(), Ordering::Relaxed);
                    }
                    if !limit_seen && self.outgoing.limit_reached() {
                        limit_seen = true;
                        samples.finish();
                    }
                }
                Ok(Step::EndOfStream) => {
                    let lost = self.unsendable.take().filter(|_| closing.is_none());
                    return match lost {
                        Some(error) => End::lost(&error),
                        None => End::new(closing.unwrap_or(EndReason::ClientClosed)),
                    };
                }
                // A client that drops the connection instead of answering our
                // Close has what it came for.
                Err(Stop::Io(error)) => {
                    return closing.map_or_else(|| End::lost(&error), End::new);
                }
                Err(Stop::Protocol(error)) => {
                    let end = End::new(EndReason::ProtocolError);
                    let close = Some(error.close_code());
                    return End { detail: Some(error.to_string()), close, ..end };
                }
            }
        }
    }

    /// Reads what is there, otherwise writes what can be written. Measurements,
    /// answers and the Close come before reading: a client that sends faster
    /// than we read would never get them.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, Stop>> {
        let is_urgent = self.outgoing.is_urgent();
        if is_urgent && let Poll::Ready(step) = self.poll_send(cx) {
            return Poll::Ready(step);
        }
        if let Poll::Ready(step) = self.poll_receive(cx) {
            return Poll::Ready(step);
        }
        if is_urgent { Poll::Pending } else { self.poll_send(cx) }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, Stop>> {
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
            self.early.advance(taken);
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

    fn receive(&mut self, event: Event) {
        match event {
            Event::Discarded(n) if self.direction == Direction::Upload => {
                self.application_bytes.fetch_add(n, Ordering::Relaxed);
            }
            Event::Ping(payload) => self.outgoing.pong(&payload),
            Event::Text(json) => self.keep_client_measurement(json),
            // ndt7 allows no binary messages from a client during a download:
            // they are discarded, and the test goes on (as M-Lab's server does).
            Event::Discarded(_) | Event::Header(_) | Event::Pong(_) | Event::Close(_) => {}
        }
    }

    fn keep_client_measurement(&mut self, json: String) {
        self.client_measurement_bytes += json.len();
        if self.client_measurements.len() == MAX_CLIENT_MEASUREMENTS
            || self.client_measurement_bytes > MAX_CLIENT_MEASUREMENT_BYTES
        {
            return;
        }
        // A message that does not parse is kept as it came, without figures.
        let app_info = Measurement::parse(&json).ok().and_then(|message| message.app_info);
        self.client_measurements.push(ClientMeasurement {
            received_elapsed_us: self.started.elapsed().as_micros() as u64,
            app_info: app_info.and_then(|info| {
                Some(AppInfo {
                    elapsed_us: u64::try_from(info.elapsed_time).ok()?,
                    num_bytes: u64::try_from(info.num_bytes).ok()?,
                })
            }),
            json,
        });
    }

    fn send_measurement(&mut self, sample: &Sample) {
        let Some(read) = self.read(sample) else { return };
        self.bound_backlog();
        let message = sample.message.as_ref();
        let json = measurement(
            &self.connection,
            self.direction,
            read.elapsed,
            read.application_bytes,
            message,
        )
        .to_json();
        self.outgoing.measurement(&json, clock::unix_ns());
        let congestion = message.and_then(|message| message.congestion.as_ref());
        self.server_measurements.push(ServerMeasurement {
            elapsed_us: read.elapsed.as_micros() as u64,
            app_info: Some(AppInfo {
                elapsed_us: read.elapsed.as_micros() as u64,
                num_bytes: read.application_bytes,
            }),
            bbr: congestion.and_then(|congestion| match congestion {
                Congestion::Bbr(bbr) => Some(bbr.clone()),
                _ => None,
            }),
            tcp_info: message.and_then(|message| message.tcp_info.clone()),
            json,
        });
    }

    /// Keeps a sample as the latest reading; nothing when it has no figures.
    fn read(&mut self, sample: &Sample) -> Option<Read> {
        let message = sample.message.as_ref()?;
        let elapsed = sample.taken.saturating_duration_since(self.started);
        let tcp_info = message.tcp_info.clone()?;
        self.last = Some(LastReading { elapsed_us: elapsed.as_micros() as u64, tcp_info });
        // What the kernel still holds has not left this host.
        let held = if self.direction == Direction::Download { message.wqueue } else { 0 };
        let application_bytes = sample.application_bytes.saturating_sub(held.into());
        Some(Read { elapsed, application_bytes })
    }

    /// Fits what waits on this side to what the line has delivered.
    fn bound_backlog(&mut self) {
        let Some(last) = self.last.as_ref().filter(|_| self.direction == Direction::Download)
        else {
            return;
        };
        let Some(round_trip_us) = last.tcp_info.min_rtt_us() else { return };
        let backlog = Backlog::of_line(
            last.tcp_info.bytes_acked().unwrap_or_default(),
            Duration::from_micros(last.elapsed_us),
            Duration::from_micros(round_trip_us),
        );
        if backlog != self.backlog {
            self.backlog = backlog;
            backlog.apply(self.transport.socket());
            self.outgoing.begin_at_most(backlog.message_bytes);
        }
    }

    /// The state at the end, where the test ended before its last measurement.
    async fn last_reading(&mut self, samples: &mut Samples) {
        samples.finish();
        while let Some(sample) = samples.next().await {
            self.read(&sample);
        }
    }

    /// Sends what waits, ends our side, and reads to the end of the client's.
    async fn finish(&mut self) {
        let sent = if self.unsendable.is_none() {
            poll_fn(|cx| self.outgoing.poll_finish(cx, &mut self.transport)).await
        } else {
            Ok(())
        };
        if sent.is_ok() {
            // An error says that the client is gone, which is the end as well.
            let _ = poll_fn(|cx| self.transport.poll_shutdown(cx)).await;
        }
        while let Ok(more) = poll_fn(|cx| self.transport.poll_fill(cx)).await {
            if !more {
                let _ = poll_fn(|cx| self.transport.poll_end(cx)).await;
                return;
            }
            let n = self.transport.buffer().len();
            self.transport.consume(n);
        }
    }
}

/// When a client that does not close is no longer waited for, and what to call that.
async fn out_of_patience(cap: Instant, shutdown: &Shutdown) -> EndReason {
    let stopped = async {
        shutdown.reached(Phase::Flushing).await;
        sleep(LAST_MOMENT).await;
    };
    tokio::select! {
        () = sleep_until(cap.into()) => EndReason::TimedOut,
        () = stopped => EndReason::StationStopped,
    }
}

struct Read {
    elapsed: Duration,
    application_bytes: u64,
}

impl End {
    fn new(reason: EndReason) -> Self {
        Self { reason, detail: None, close: None }
    }

    fn lost(error: &io::Error) -> Self {
        Self { detail: Some(error.to_string()), ..Self::new(EndReason::ConnectionLost) }
    }
}
