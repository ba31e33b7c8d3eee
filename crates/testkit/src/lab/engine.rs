//! The thread that moves frames between two interfaces.
//!
//! A frame's arrival is the kernel's stamp and not the moment at which this thread
//! sees it, so a thread that is scheduled late delays a frame only if it is later
//! than the frame's whole delay.

use std::collections::BTreeMap;
use std::io::{self, PipeWriter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Namespace;
use super::counters::{Counters, DirectionCounters};
use super::path::{Path, Pipe};
use crate::sys::{PacketSocket, sharpen_timers};

/// The emulator of one path, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    lanes: Arc<Mutex<Lanes>>,
    thread: Option<JoinHandle<()>>,
    /// Closed to end the thread.
    stop: Option<PipeWriter>,
}

impl Engine {
    /// Starts to forward between two interfaces of `namespace`.
    #[track_caller]
    pub(super) fn start(namespace: &Namespace, client: &str, server: &str, path: &Path) -> Self {
        let open = |interface: &str| {
            PacketSocket::open(interface)
                .unwrap_or_else(|error| panic!("open interface `{interface}`: {error}"))
        };
        let (client, server) = namespace.within(|| (open(client), open(server)));
        let lanes = Lanes {
            forward: Lane::new(Pipe::new(path.forward)),
            backward: Lane::new(Pipe::new(path.backward)),
        };
        let lanes = Arc::new(Mutex::new(lanes));
        let (stopped, stop) = io::pipe().unwrap_or_else(|error| panic!("make a pipe: {error}"));
        let thread = std::thread::spawn({
            let lanes = Arc::clone(&lanes);
            move || {
                forward(&lanes, Ends { client, server }, &stopped)
                    .unwrap_or_else(|error| panic!("the path emulator failed: {error}"));
            }
        });
        Self { lanes, thread: Some(thread), stop: Some(stop) }
    }

    /// Another path from now on; what is under way keeps its time.
    pub(super) fn reconfigure(&self, path: &Path) {
        let mut lanes = self.lanes();
        lanes.forward.pipe.reconfigure(path.forward);
        lanes.backward.pipe.reconfigure(path.backward);
    }

    pub(super) fn counters(&self) -> Counters {
        let lanes = self.lanes();
        Counters { forward: lanes.forward.counters, backward: lanes.backward.counters }
    }

    #[track_caller]
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        let is_running = self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        assert!(is_running, "the path emulator has ended, and said why");
        lock(&self.lanes)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let has_failed = thread.join().is_err();
            assert!(
                !has_failed || std::thread::panicking(),
                "the path emulator has failed, and said why"
            );
        }
    }
}

/// The interfaces towards both hosts.
struct Ends {
    client: PacketSocket,
    server: PacketSocket,
}

#[derive(Debug)]
struct Lanes {
    forward: Lane,
    backward: Lane,
}

/// One direction at work.
#[derive(Debug)]
struct Lane {
    pipe: Pipe,
    counters: DirectionCounters,
    /// Frames under way by departure and, for equal ones, by arrival.
    under_way: BTreeMap<(Instant, u64), Vec<u8>>,
    last_arrival: Instant,
    origin: Instant,
}

fn lock(lanes: &Mutex<Lanes>) -> MutexGuard<'_, Lanes> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forwards until `stopped` is closed at its other end.
fn forward(lanes: &Mutex<Lanes>, mut ends: Ends, stopped: &io::PipeReader) -> io::Result<()> {
    sharpen_timers()?;
    loop {
        let next = {
            let mut lanes = lock(lanes);
            let Lanes { forward, backward } = &mut *lanes;
            forward.take(&mut ends.client, &ends.server)?;
            backward.take(&mut ends.server, &ends.client)?;
            let forward = forward.send_due(&ends.server)?;
            let backward = backward.send_due(&ends.client)?;
            [forward, backward].into_iter().flatten().min()
        };
        let timeout = next.map(|next| {
            let left = next.saturating_duration_since(Instant::now());
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() }
        });
        let mut descriptors = [
            PollFd::new(stopped, PollFlags::IN),
            PollFd::new(&ends.client, PollFlags::IN),
            PollFd::new(&ends.server, PollFlags::IN),
        ];
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !descriptors[0].revents().is_empty() {
            return Ok(());
        }
    }
}

impl Lane {
    fn new(pipe: Pipe) -> Self {
        let origin = Instant::now();
        Self {
            pipe,
            counters: DirectionCounters::default(),
            under_way: BTreeMap::new(),
            last_arrival: origin,
            origin,
        }
    }

    /// Decides about everything that has arrived.
    fn take(&mut self, from: &mut PacketSocket, to: &PacketSocket) -> io::Result<()> {
        let clocks = Clocks::read();
        while let Some(received) = from.receive()? {
            let frame = received.frame;
            if is_for_everyone(&frame) {
                self.pass(&frame, to)?;
                continue;
            }
            self.last_arrival = self.last_arrival.max(clocks.instant_of(received.stamp));
            self.counters.received.add(frame.len());
            match self.pipe.offer(self.last_arrival - self.origin, frame.len()) {
                Ok(departure) => {
                    let key = (self.origin + departure, self.counters.received.frames);
                    self.under_way.insert(key, frame);
                }
                Err(dropped) => self.counters.count_drop(dropped, frame.len()),
            }
            let queue = self.pipe.queue_bytes();
            self.counters.largest_queue_bytes = self.counters.largest_queue_bytes.max(queue);
        }
        self.counters.overrun_frames += from.overruns()?;
        Ok(())
    }

    /// Sends what is due; when the next frame will be.
    fn send_due(&mut self, to: &PacketSocket) -> io::Result<Option<Instant>> {
        while let Some(entry) = self.under_way.first_entry() {
            let (due, _) = *entry.key();
            let Some(late) = Instant::now().checked_duration_since(due) else {
                return Ok(Some(due));
            };
            let frame = entry.remove();
            if self.pass(&frame, to)? {
                self.counters.count_sent(frame.len(), late);
            }
        }
        Ok(None)
    }

    /// Whether the frame got through to the host.
    fn pass(&mut self, frame: &[u8], to: &PacketSocket) -> io::Result<bool> {
        match to.send(frame) {
            Ok(()) => Ok(true),
            // The receiving host's backlog is full (`net.core.netdev_max_backlog`),
            // or its interface is down.
            Err(error) if is_overrun(&error) => {
                self.counters.overrun_frames += 1;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_overrun(error: &io::Error) -> bool {
    let errors = [Errno::NOBUFS, Errno::AGAIN, Errno::NETDOWN];
    errors.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Whether the frame is a broadcast or multicast: what hosts need on their own
/// link (neighbour and router discovery, group reports) and no path carries.
fn is_for_everyone(frame: &[u8]) -> bool {
    frame.first().is_some_and(|byte| byte & 1 == 1)
}

/// Both clocks at one moment.
struct Clocks {
    wall: Duration,
    monotonic: Instant,
}

impl Clocks {
    /// A thread may be interrupted between the readings: then it reads again.
    fn read() -> Self {
        const AT_ONCE: Duration = Duration::from_micros(20);
        loop {
            let before = Instant::now();
            let wall = SystemTime::now();
            let monotonic = Instant::now();
            if monotonic - before < AT_ONCE {
                let wall = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                return Self { wall, monotonic };
            }
        }
    }

    /// The monotonic time of a wall clock stamp; now for one in the future.
    fn instant_of(&self, stamp: Duration) -> Instant {
        let age = self.wall.saturating_sub(stamp);
        self.monotonic.checked_sub(age).unwrap_or(self.monotonic)
    }
}
