//! Reading what the kernel has for a flow.

use rustix::io::Errno;
use socket2::Socket;

use super::answer::{self, Answer, Entry, QuoteFrom};
use super::flow::{FlowKey, Link};
use super::syn::Attempt;
use super::{MESSAGES, Prober, options};
use crate::Event;
use crate::packet::{Control, Nonce};
use crate::sys::{Buffers, Received};

/// What was read from a flow's socket at once.
#[derive(Default)]
struct Batch {
    stamps: Vec<(Nonce, Option<u64>)>,
    answers: Vec<Answer>,
    unusable: u64,
}

impl Batch {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Answer(answer) => self.answers.push(answer),
            Entry::Transmitted(nonce, stamp_ns) => self.stamps.push((nonce, stamp_ns)),
            Entry::Unusable => self.unusable += 1,
        }
    }
}

impl Prober {
    /// Reads what is there for one descriptor, up to a bound.
    pub(super) fn receive(&mut self, key: FlowKey, events: &mut Vec<Event>) {
        match key {
            FlowKey::WAKER => self.waker.clear(),
            FlowKey::RAW_V4 | FlowKey::RAW_V6 => self.receive_raw(key, events),
            _ => self.receive_of_flow(key, events),
        }
    }

    fn receive_of_flow(&mut self, key: FlowKey, events: &mut Vec<Event>) {
        // A flow that was closed while its event was under way is gone.
        let Some(flow) = self.flows.get_mut(&key) else { return };
        let (socket, quote) = match &flow.link {
            Link::Udp(link) => (Some(&link.socket), QuoteFrom::Payload),
            Link::Ping(link) => (Some(&link.socket), QuoteFrom::EchoHeader),
            Link::Tcp(link) => (link.socket.as_ref(), QuoteFrom::TcpHeader),
            Link::Raw(_) => (None, QuoteFrom::EchoHeader),
        };
        let Some(socket) = socket else { return };
        if options::is_full(socket) {
            self.counters.queue_full += 1;
        }
        let mut batch = Batch::default();
        let (payload, target) = (&self.payload, flow.target.address);
        read(socket, true, MESSAGES, &mut self.buffers, |Received { data, control, .. }| {
            batch.add(answer::from_error_queue(data, &Control::parse(control), quote, payload));
        });
        if quote != QuoteFrom::TcpHeader {
            read(
                socket,
                false,
                MESSAGES,
                &mut self.buffers,
                |Received { data, control, .. }| {
                    batch.add(answer::from_target(data, &Control::parse(control), quote, target));
                },
            );
        }
        if let Link::Tcp(link) = &mut flow.link {
            match link.attempt() {
                Attempt::Answered if batch.answers.is_empty() => {
                    batch.answers.push(Answer::of_handshake(target));
                }
                // What ended it comes by the raw socket.
                Attempt::Ended if batch.answers.is_empty() => link.socket = None,
                _ => {}
            }
        }
        self.counters.ignored.unusable += batch.unusable;
        for (nonce, stamp_ns) in batch.stamps {
            flow.ledger.transmitted(nonce, stamp_ns);
        }
        for answer in batch.answers {
            self.deliver(key, answer, events);
        }
    }
}

/// Hands out what one queue of a socket holds, up to so many messages.
pub(super) fn read(
    socket: &Socket,
    error_queue: bool,
    most: usize,
    buffers: &mut Buffers,
    mut each: impl FnMut(Received<'_>),
) {
    for _ in 0..most {
        match buffers.receive(socket, error_queue) {
            Ok(received) => each(received),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => break,
            // An error of an earlier probe, which the error queue tells better; now
            // that it was told here it is over.
            Err(_) => {}
        }
    }
}
