//! What the server sends: the bulk of a download, and measurements, Pong and
//! Close between its messages.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};

use rand::RngCore as _;
use trigpoint_ndt7::{MessageSize, spec};
use trigpoint_transport::Transport;
use trigpoint_websocket::{CloseCode, Opcode, close_payload, encode_frame, encode_header};

/// The payload of all messages of all tests is this much noise over and over:
/// small enough to stay in the processor's cache, and one copy for all.
const NOISE_BYTES: usize = 64 << 10;
/// A header and the slices of the longest message.
const MAX_PARTS: usize = 1 + spec::MAX_SCALED_MESSAGE_SIZE / NOISE_BYTES;

static NOISE: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let mut noise = vec![0; NOISE_BYTES];
    rand::rng().fill_bytes(&mut noise);
    noise.into()
});

/// The frames still to send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    size: MessageSize,
    longest: usize,
    bulk: bool,
    limit: Option<u64>,
    sent: u64,
    frame: Option<Frame>,
    texts: VecDeque<Vec<u8>>,
    pong: Option<Vec<u8>>,
    close: Option<Vec<u8>>,
}

/// The frame being written: `head`, then `noise` bytes of noise.
#[derive(Debug)]
struct Frame {
    head: Vec<u8>,
    noise: usize,
    written: usize,
}

impl Outgoing {
    /// Nothing but measurements and answers, or `bulk`: messages until `limit`
    /// payload bytes, or without end.
    pub(crate) fn new(bulk: bool, limit: Option<u64>) -> Self {
        Self {
            size: MessageSize::new(),
            longest: spec::MAX_SCALED_MESSAGE_SIZE,
            bulk,
            limit,
            sent: 0,
            frame: None,
            texts: VecDeque::new(),
            pong: None,
            close: None,
        }
    }

    /// A measurement, and the Ping that ndt7 sends after it: its payload is the
    /// time in nanoseconds, so that the Pong tells the application's RTT.
    pub(crate) fn measurement(&mut self, json: &str, unix_ns: i64) {
        let mut frames = encode_frame(Opcode::Text, json.as_bytes(), None);
        frames.extend(encode_frame(Opcode::Ping, unix_ns.to_string().as_bytes(), None));
        self.texts.push_back(frames);
    }

    /// Answers a Ping. Only the latest needs an answer (RFC 6455 5.5.3), so
    /// that a flood of them takes no memory.
    pub(crate) fn pong(&mut self, payload: &[u8]) {
        self.pong = Some(encode_frame(Opcode::Pong, payload, None));
    }

    /// Sends a Close and nothing after it but the rest of the message begun
    /// and measurements that wait.
    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) {
        self.bulk = false;
        let payload = close_payload(code, reason);
        self.close = Some(encode_frame(Opcode::Close, &payload, None));
    }

    /// Begins no message of the bulk that is longer.
    pub(crate) fn begin_at_most(&mut self, bytes: usize) {
        self.longest = bytes;
    }

    /// Whether a measurement, an answer or the Close waits to be sent.
    pub(crate) fn is_urgent(&self) -> bool {
        let is_begun = self.frame.as_ref().is_some_and(|frame| frame.noise == 0);
        is_begun || self.pong.is_some() || !self.texts.is_empty() || self.close.is_some()
    }

    /// Payload bytes of the bulk given to the kernel or to TLS.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether the bulk has ended because its limit was reached.
    pub(crate) fn limit_reached(&self) -> bool {
        self.limit.is_some_and(|limit| self.sent >= limit)
    }

    /// Writes; `Pending` also when there is nothing to write.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        transport: &mut Transport,
    ) -> Poll<io::Result<()>> {
        let Some(mut frame) = self.frame.take().or_else(|| self.next_frame()) else {
            ready!(transport.poll_flush(cx))?;
            return Poll::Pending;
        };
        let mut parts = [IoSlice::new(&[]); MAX_PARTS];
        let count = frame.parts(&mut parts);
        let written = match transport.poll_write(cx, &parts[..count]) {
            Poll::Ready(Ok(n)) => n,
            other => {
                self.frame = Some(frame);
                return other.map_ok(|_| ());
            }
        };
        let payload_before = frame.written.saturating_sub(frame.head.len());
        frame.written += written;
        if frame.noise > 0 {
            let payload = frame.written.saturating_sub(frame.head.len());
            self.sent += (payload - payload_before) as u64;
        }
        if frame.written < frame.head.len() + frame.noise {
            self.frame = Some(frame);
        } else if frame.noise > 0 {
            self.size.grow(self.sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Writes everything up to the Close.
    pub(crate) fn poll_finish(
        &mut self,
        cx: &mut Context<'_>,
        transport: &mut Transport,
    ) -> Poll<io::Result<()>> {
        while self.frame.is_some() || self.pong.is_some() || self.close.is_some() {
            ready!(self.poll_send(cx, transport))?;
        }
        transport.poll_flush(cx)
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let control = self.pong.take().or_else(|| self.texts.pop_front());
        if let Some(head) = control.or_else(|| self.close.take()) {
            return Some(Frame { head, noise: 0, written: 0 });
        }
        let noise =
            (self.bulk && !self.limit_reached()).then(|| self.size.bytes().min(self.longest))?;
        let header = encode_header(true, Opcode::Binary, noise as u64, None);
        Some(Frame { head: header.to_vec(), noise, written: 0 })
    }
}

impl Frame {
    /// The slices still to be written; how many.
    fn parts<'a>(&'a self, parts: &mut [IoSlice<'a>; MAX_PARTS]) -> usize {
        let mut count = 0;
        let mut push = |part: &'a [u8]| {
            parts[count] = IoSlice::new(part);
            count += 1;
        };
        if self.written < self.head.len() {
            push(&self.head[self.written..]);
        }
        let mut left = self.noise - self.written.saturating_sub(self.head.len());
        while left > 0 {
            let part = &NOISE[..left.min(NOISE_BYTES)];
            push(part);
            left -= part.len();
        }
        count
    }
}
