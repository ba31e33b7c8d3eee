//! What this client sends: the bulk of an upload, and Pong and Close between
//! its messages.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use rand::RngCore as _;
use trigpoint_ndt7::{MessageSize, spec};
use trigpoint_websocket::{CloseCode, Opcode, close_payload, encode_frame, encode_header};

use trigpoint_transport::Transport;

/// The payload of all messages is this much noise over and over: small enough
/// to stay in the processor's cache.
const NOISE_BYTES: usize = 64 << 10;
/// A header and the slices of the longest message.
const MAX_PARTS: usize = 1 + spec::MAX_SCALED_MESSAGE_SIZE / NOISE_BYTES;

/// The frames still to send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Payload as it stands on the wire, that is, after masking. RFC 6455 5.3
    /// has a client mask every payload with a fresh random key. These bytes
    /// are random, and random bytes are random again after masking: there is a
    /// payload that gives just these bytes under any key, so nothing needs to
    /// be computed.
    noise: Box<[u8]>,
    size: MessageSize,
    bulk: bool,
    sent: u64,
    frame: Option<Frame>,
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
    /// Nothing but answers, or `bulk`: messages without end.
    pub(crate) fn new(bulk: bool) -> Self {
        let mut noise = vec![0; if bulk { NOISE_BYTES } else { 0 }];
        rand::rng().fill_bytes(&mut noise);
        Self {
            noise: noise.into(),
            size: MessageSize::new(),
            bulk,
            sent: 0,
            frame: None,
            pong: None,
            close: None,
        }
    }

    /// Answers a Ping. Only the latest needs an answer (RFC 6455 5.5.3), so
    /// that a flood of them takes no memory.
    pub(crate) fn pong(&mut self, payload: &[u8]) {
        self.pong = Some(encode_frame(Opcode::Pong, payload, Some(rand::random())));
    }

    /// Sends a Close and nothing after it but the rest of the message begun.
    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) {
        self.bulk = false;
        let payload = close_payload(code, reason);
        self.close = Some(encode_frame(Opcode::Close, &payload, Some(rand::random())));
    }

    /// Payload bytes given to the kernel or to TLS.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
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
        let count = frame.parts(&self.noise, &mut parts);
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
        if let Some(head) = self.pong.take().or_else(|| self.close.take()) {
            return Some(Frame { head, noise: 0, written: 0 });
        }
        let noise = self.bulk.then(|| self.size.bytes())?;
        let header = encode_header(true, Opcode::Binary, noise as u64, Some(rand::random()));
        Some(Frame { head: header.to_vec(), noise, written: 0 })
    }
}

impl Frame {
    /// The slices still to be written; how many.
    fn parts<'a>(&'a self, noise: &'a [u8], parts: &mut [IoSlice<'a>; MAX_PARTS]) -> usize {
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
            let part = &noise[..left.min(noise.len())];
            push(part);
            left -= part.len();
        }
        count
    }
}
