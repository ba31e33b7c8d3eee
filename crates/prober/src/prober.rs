//! Probes by real sockets.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::clock::Moment;
use crate::error::is_shortage;
use crate::packet::Payload;
use crate::sys::Buffers;
use crate::{
    Counters, Event, Method, OpenError, Probe, Reply, SendError, Sent, Settings, SetupError,
    Target, TraceId, Transport, WaitError,
};

mod answer;
mod datagram;
mod descriptors;
mod echo;
mod expiry;
mod flow;
mod ledger;
mod options;
mod raw;
mod receive;
mod stamping;
mod syn;
mod waker;

pub use descriptors::raise_descriptor_limit;
pub use waker::Waker;

use answer::Answer;
use expiry::Expiry;
use flow::{Flow, FlowKey, Link};
use raw::RawSockets;
use stamping::Stamping;

/// A transport over this host's sockets; see the crate's documentation.
pub struct Prober {
    settings: Settings,
    payload: Payload,
    poll: OwnedFd,
    ready: Vec<epoll::Event>,
    waker: Waker,
    _stamping: Stamping,
    raw: Option<RawSockets>,
    traces: HashMap<TraceId, Trace>,
    flows: HashMap<FlowKey, Flow>,
    expiry: Expiry,
    buffers: Buffers,
    counters: Counters,
    last_trace: u64,
    last_flow: u64,
}

#[derive(Debug)]
struct Trace {
    target: Target,
    flows: HashMap<u16, FlowKey>,
}

/// Events taken from the kernel at once.
const READY: usize = 256;
/// As often that happens in one wait, while there is more.
const ROUNDS: usize = 64;
/// Messages read from one queue at once, so that a flood to one flow starves no other
/// and a wait ends.
const MESSAGES: usize = 64;
/// Tries of one send: each fails by an error that came since the last one.
const TRIES: usize = 8;

impl Prober {
    /// A prober without traces.  Takes some milliseconds, if the kernel stamps nothing yet.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        let poll_error = |what| move |source: io::Error| SetupError::Poll { what, source };
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|errno| poll_error("epoll set")(errno.into()))?;
        let waker = Waker::new().map_err(poll_error("waker"))?;
        let key = epoll::EventData::new_u64(FlowKey::WAKER.0);
        epoll::add(&poll, waker.descriptor(), key, epoll::EventFlags::IN)
            .map_err(|errno| poll_error("waker")(errno.into()))?;
        let raw = if settings.raw { Some(RawSockets::open(&poll)?) } else { None };
        let mut buffers = Buffers::new();
        Ok(Self {
            payload: Payload::new(&settings.contact),
            settings,
            poll,
            ready: Vec::with_capacity(READY),
            waker,
            _stamping: Stamping::start(&mut buffers),
            raw,
            traces: HashMap::new(),
            flows: HashMap::new(),
            expiry: Expiry::default(),
            buffers,
            counters: Counters::default(),
            last_trace: 0,
            last_flow: FlowKey::LAST_RESERVED,
        })
    }

    /// Totals until now.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Interrupts [`Transport::wait`] from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Sockets of flows that are open.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// The flow of a number, made now if it is its first probe.
    fn flow(&mut self, trace: TraceId, number: u16) -> Result<FlowKey, SendError> {
        let open = self.traces.get_mut(&trace).ok_or(SendError::NoTrace)?;
        if let Some(key) = open.flows.get(&number) {
            return Ok(*key);
        }
        let limit = self.settings.sockets;
        if self.flows.len() >= limit {
            return Err(SendError::TooManyFlows { limit });
        }
        let target = open.target;
        let key = FlowKey(self.last_flow + 1);
        let link = match (&mut self.raw, target.method) {
            (Some(raw), Method::Icmp) => raw.echo(target.address, key),
            (raw, _) => Link::open(target, raw.is_some()),
        };
        let link = link.map_err(|source| flow_error(target.address, source))?;
        let flow = Flow::new(trace, target, link);
        if let Some(socket) = flow.link.datagram_socket() {
            let flags = epoll::EventFlags::IN;
            epoll::add(&self.poll, socket, key.data(), flags)
                .map_err(|errno| flow_error(target.address, errno.into()))?;
        }
        self.last_flow += 1;
        open.flows.insert(number, key);
        self.flows.insert(key, flow);
        Ok(key)
    }

    /// Gives an answer to the caller, or counts why not.
    fn deliver(&mut self, key: FlowKey, answer: Answer, events: &mut Vec<Event>) {
        let Some(flow) = self.flows.get_mut(&key) else { return };
        match flow.ledger.answered(answer.clue) {
            Ok((sent, matched)) => {
                let read = Moment::now();
                flow.link.end_attempt();
                self.counters.replies += 1;
                events.push(Event::Reply(Box::new(Reply {
                    trace: flow.trace,
                    probe: sent.probe,
                    responder: answer.responder,
                    kind: answer.kind,
                    matched,
                    timing: sent.before.timing(read, sent.transmitted_ns, answer.received_ns),
                    outer: answer.outer,
                    quoted: answer.quoted,
                    mpls: answer.mpls,
                })));
            }
            Err(reason) => reason.count(&mut self.counters.ignored),
        }
    }

    /// Waits for descriptors with something to read, and reads them.
    fn receive_ready(
        &mut self,
        timeout: Duration,
        events: &mut Vec<Event>,
    ) -> Result<(), WaitError> {
        let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        self.ready.clear();
        let spare = rustix::buffer::spare_capacity(&mut self.ready);
        match epoll::wait(&self.poll, spare, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(WaitError(errno.into())),
        }
        for at in 0..self.ready.len() {
            let key = FlowKey(self.ready[at].data.u64());
            self.receive(key, events);
        }
        Ok(())
    }

    /// Tells of probes whose time is over.
    fn expire(&mut self, events: &mut Vec<Event>) {
        let now = Moment::now().monotonic_ns;
        while let Some((key, nonce)) = self.expiry.due(now) {
            let Some(flow) = self.flows.get_mut(&key) else { continue };
            if let Some(probe) = flow.ledger.lost(nonce) {
                self.counters.lost += 1;
                flow.link.end_attempt();
                events.push(Event::Lost { trace: flow.trace, probe });
            }
        }
    }
}

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings, counters, .. } = self;
        f.debug_struct("Prober")
            .field("settings", settings)
            .field("counters", counters)
            .finish_non_exhaustive()
    }
}

impl Transport for Prober {
    fn open(&mut self, target: Target) -> Result<TraceId, OpenError> {
        let target = Target { address: target.address.to_canonical(), ..target };
        if let Some(prefix) = self.settings.exclude.find(target.address) {
            return Err(OpenError::Excluded { target: target.address, prefix });
        }
        options::route(target.address)?;
        if target.method == Method::Icmp && self.raw.is_none() {
            echo::allowed(target.address)?;
        }
        self.last_trace += 1;
        let trace = TraceId(self.last_trace);
        self.traces.insert(trace, Trace { target, flows: HashMap::new() });
        Ok(trace)
    }

    fn send(&mut self, trace: TraceId, probe: Probe) -> Result<Sent, SendError> {
        let key = self.flow(trace, probe.flow)?;
        let flow = self.flows.get_mut(&key).ok_or(SendError::NoTrace)?;
        let target = flow.target.address;
        let nonce = flow.ledger.new_nonce();
        let before = Moment::now();
        let outcome = match (&mut flow.link, &self.raw) {
            (Link::Tcp(_), _) if flow.ledger.is_waiting() => return Err(SendError::FlowBusy),
            (Link::Tcp(link), _) => link.connect(&self.poll, key, probe),
            (Link::Udp(link), _) => link.send(&self.payload, probe, nonce),
            (Link::Ping(link), _) => link.send(&self.payload, probe, nonce),
            (Link::Raw(link), Some(raw)) => raw.send(link, &self.payload, probe, nonce),
            (Link::Raw(_), None) => return Err(SendError::NoTrace),
        };
        let (source, repeated) = outcome.map_err(|source| send_error(target, source))?;
        if let Some(raw) = &mut self.raw {
            raw.listen(flow, key);
        }
        self.counters.sent += 1;
        self.counters.sends_repeated += repeated;
        flow.ledger.sent(probe, nonce, before);
        let timeout = flow.link.timeout(self.settings.timeout);
        self.expiry.add(before.monotonic_ns, timeout, key, nonce);
        Ok(Sent { source, at_us: before.wall_ns / 1_000 })
    }

    fn close(&mut self, trace: TraceId) {
        let Some(closed) = self.traces.remove(&trace) else { return };
        for key in closed.flows.into_values() {
            if let (Some(flow), Some(raw)) = (self.flows.remove(&key), &mut self.raw) {
                raw.forget(&flow);
            }
        }
    }

    fn wait(&mut self, until: Instant, events: &mut Vec<Event>) -> Result<(), WaitError> {
        let mut timeout = until.saturating_duration_since(Instant::now());
        if let Some(due_ns) = self.expiry.next_ns() {
            let left = due_ns.saturating_sub(Moment::now().monotonic_ns);
            timeout = timeout.min(Duration::from_nanos(u64::try_from(left).unwrap_or(0)));
        }
        // Every socket with something to read is read before any probe is said to be lost:
        // this thread may have been away for longer than a timeout.
        for _ in 0..ROUNDS {
            self.receive_ready(timeout, events)?;
            if self.ready.len() < READY {
                break;
            }
            timeout = Duration::ZERO;
        }
        self.expire(events);
        Ok(())
    }
}

fn flow_error(target: IpAddr, source: io::Error) -> SendError {
    if is_shortage(&source) {
        SendError::NoSocket { target, source }
    } else {
        SendError::Flow { target, source }
    }
}

fn send_error(target: IpAddr, source: io::Error) -> SendError {
    match Errno::from_io_error(&source) {
        // A TCP flow has a new socket for each probe.
        Some(Errno::MFILE | Errno::NFILE) => SendError::NoSocket { target, source },
        Some(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => SendError::Full { target, source },
        _ => SendError::Refused { target, source },
    }
}

/// Where a packet went out, and how often the send was repeated.
type Outcome = io::Result<(SocketAddr, u64)>;

/// Sends, again at once if it fails: an error about an earlier probe fails the next
/// send instead of that probe's own, and what was to be sent is not.
fn send_at_once(mut send: impl FnMut() -> io::Result<usize>) -> io::Result<u64> {
    let mut repeated = 0;
    loop {
        match send() {
            Ok(_) => return Ok(repeated),
            Err(error) if is_full(&error) || repeated + 1 == TRIES as u64 => return Err(error),
            Err(_) => repeated += 1,
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM))
}

#[cfg(test)]
mod tests;
