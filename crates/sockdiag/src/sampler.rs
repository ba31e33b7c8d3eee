//! The sampler: polls, destroy events, and the flows made of them.
//!
//! Two threads: one reads destroy events; the other owns everything else
//! ([`engine`]) and is the only one that calls the recorder.  All it is told
//! comes through one channel, so a `watch` that was sent before its socket
//! closed is seen before the socket's destroy event.

mod engine;
mod grid;
mod inbox;
mod remembered;
mod rtt;
mod tracked;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use engine::WATCHED_PERIOD;

use crate::clock::{Clock as _, SystemClock};
use crate::netlink::EventListener;
use crate::{Counters, Error, Family, Moment, Netlink, Recorder, SocketKey, Source, sys};
use engine::Engine;
use inbox::{Inbox, Input, Outbox};

const THREAD: &str = "sampler";
/// The kernel's smallest: a thread with a short slice runs soon after it wakes
/// (EEVDF, Linux 6.12 and newer), and a round of polls needs little more.
const SLICE: Duration = Duration::from_micros(100);

/// How the sampler works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Local ports whose connections are of interest; empty means all.
    /// A watched socket is of interest on any port.
    pub local_ports: Vec<u16>,
    /// How often sockets that are not watched are polled: 100 ms to 1 s, in
    /// whole multiples of [`WATCHED_PERIOD`].
    pub other_period: Duration,
    /// How long a flow that a poll did not find waits for its destroy event.
    pub grace: Duration,
    /// Receive buffer to ask for, for destroy events, bytes (some 1,280 each).
    pub event_buffer_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            local_ports: Vec::new(),
            other_period: Duration::from_millis(100),
            grace: Duration::from_secs(1),
            event_buffer_bytes: 8 << 20,
        }
    }
}

impl Settings {
    fn validate(&self) -> Result<(), Error> {
        let period = self.other_period;
        let in_range = (Duration::from_millis(100)..=Duration::from_secs(1)).contains(&period);
        if !in_range || !period.as_nanos().is_multiple_of(WATCHED_PERIOD.as_nanos()) {
            let range = "100 ms to 1 s, in steps of 10 ms";
            return Err(Error::Setting { setting: "period of other sockets", range });
        }
        Ok(())
    }
}

/// A source that has answered.
fn open(local_ports: &[u16]) -> Result<Netlink, Error> {
    let mut source = Netlink::open(local_ports)?;
    // Makes the kernel load its TCP module, without which there are no
    // events; the first regular dump comes after the groups are joined.
    for family in [Family::V4, Family::V6] {
        match source.dump(family, &mut |_| ()) {
            Ok(()) | Err(Error::DumpInterrupted { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(source)
}

/// A running sampler.
#[derive(Debug)]
pub struct Sampler {
    watcher: Watcher,
    counters: Arc<Counters>,
    events: Option<EventListener>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Whether the kernel shows this process its sockets; starts nothing.
    pub fn check() -> Result<(), Error> {
        open(&[]).map(drop)
    }

    /// Opens the netlink sockets and starts the threads.
    pub fn start(settings: Settings, recorder: Box<dyn Recorder>) -> Result<Self, Error> {
        settings.validate()?;
        let counters = Arc::new(Counters::default());
        let source = open(&settings.local_ports)?;
        let failed = |source| Error::Thread { name: THREAD, source };
        let (outbox, inbox) = inbox::open().map_err(failed)?;
        let tell = {
            let (outbox, counters) = (outbox.clone(), Arc::clone(&counters));
            move |notice| outbox.notice(notice, &counters)
        };
        let events =
            EventListener::start(settings.event_buffer_bytes, Arc::clone(&counters), tell)?;
        let engine = Engine::new(settings, source, SystemClock, recorder, Arc::clone(&counters));
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || run(engine, &inbox))
            .map_err(failed)?;
        let watcher = Watcher { outbox };
        Ok(Self { watcher, counters, events: Some(events), thread: Some(thread) })
    }

    /// Polls the socket every [`WATCHED_PERIOD`] by exact get, from the
    /// returned moment until [`Self::unwatch`] or its end.  A poll that is due
    /// before the sampler hears of this is a missed one.  Never blocks.
    pub fn watch(&self, key: SocketKey) -> Moment {
        self.watcher.watch(key)
    }

    /// Polls the socket with the others again.  Never blocks.
    pub fn unwatch(&self, cookie: u64) {
        self.watcher.unwatch(cookie);
    }

    /// A handle for other threads.
    pub fn watcher(&self) -> Watcher {
        self.watcher.clone()
    }

    /// What it did so far.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Reads the events that are queued, ends live flows with their last poll,
    /// and waits for the threads.
    pub fn stop(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        let events = self.events.take().map_or(Ok(()), EventListener::stop);
        self.watcher.outbox.send(Input::Stop);
        let sampler = self.thread.take().map_or(Ok(()), JoinHandle::join);
        sampler.map_err(|_| Error::Panicked { name: THREAD })?;
        events
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the sampler did not end well");
        }
    }
}

/// Tells a sampler which sockets to poll often.
#[derive(Debug, Clone)]
pub struct Watcher {
    outbox: Outbox,
}

impl Watcher {
    /// See [`Sampler::watch`].
    pub fn watch(&self, key: SocketKey) -> Moment {
        let since = SystemClock.now();
        self.outbox.send(Input::Watch(key, since));
        since
    }

    /// See [`Sampler::unwatch`].
    pub fn unwatch(&self, cookie: u64) {
        self.outbox.send(Input::Unwatch(cookie, SystemClock.now()));
    }
}

fn run(mut engine: Engine<Netlink, SystemClock>, inbox: &Inbox) {
    if let Err(error) = sys::shorten_slice(SLICE) {
        tracing::debug!(%error, "polls may start late on a busy machine: no short slice");
    }
    loop {
        engine.run_due();
        match inbox.receive(engine.wait()) {
            Some(Input::Stop) => break,
            Some(input) => engine.handle(input),
            None => {}
        }
    }
    engine.finish();
}

#[cfg(test)]
mod tests;
