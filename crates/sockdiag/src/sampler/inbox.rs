//! The one channel into the sampler's thread.
//!
//! The thread waits in poll(2) for a bell, not in `recv_timeout`: that yields
//! the processor several times before it sleeps, and the scheduler (EEVDF)
//! charges a yield as a used slice, so the thread would wake up late.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, TryRecvError};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::netlink::Notice;
use crate::{Counters, Moment, SocketKey};

/// Destroy events that may wait, some 2 KiB each; more are dropped like an
/// overflow in the kernel, so that a stalled recorder bounds memory.
const MAX_NOTICES: usize = 8_192;

/// What the sampler's thread can be told.
#[derive(Debug)]
pub(super) enum Input {
    /// With the moment from which on polls are due.
    Watch(SocketKey, Moment),
    /// With the moment up to which they were.
    Unwatch(u64, Moment),
    Notice(Notice),
    Stop,
}

/// The sending end.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    sender: mpsc::Sender<Input>,
    bell: Arc<OwnedFd>,
    notices: Arc<AtomicUsize>,
}

/// The receiving end.
#[derive(Debug)]
pub(super) struct Inbox {
    receiver: mpsc::Receiver<Input>,
    bell: Arc<OwnedFd>,
    notices: Arc<AtomicUsize>,
}

pub(super) fn open() -> io::Result<(Outbox, Inbox)> {
    let (sender, receiver) = mpsc::channel();
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let notices = Arc::new(AtomicUsize::new(0));
    let outbox = Outbox { sender, bell: Arc::clone(&bell), notices: Arc::clone(&notices) };
    Ok((outbox, Inbox { receiver, bell, notices }))
}

impl Outbox {
    /// Sends; a sampler that ended is told nothing.
    pub(super) fn send(&self, input: Input) -> bool {
        let sent = self.sender.send(input).is_ok();
        // Fails only when the bell has rung 2^64 times unheard.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        sent
    }

    /// Passes on what the listener read; false when the sampler ended.
    pub(super) fn notice(&self, notice: Notice, counters: &Counters) -> bool {
        let waiting = self.notices.fetch_add(1, Relaxed);
        if waiting < MAX_NOTICES {
            return self.send(Input::Notice(notice));
        }
        counters.events_lost.add(1);
        if waiting == MAX_NOTICES {
            // The first one dropped keeps its place to say so.
            return self.send(Input::Notice(Notice::Lost));
        }
        self.notices.fetch_sub(1, Relaxed);
        true
    }
}

impl Inbox {
    /// The next input, waiting for it as long as `patience`.
    pub(super) fn receive(&self, patience: Duration) -> Option<Input> {
        let input = match self.receiver.try_recv() {
            Err(TryRecvError::Empty) => {
                self.wait(patience);
                self.receiver.try_recv()
            }
            received => received,
        };
        let input = match input {
            Ok(input) => input,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => return Some(Input::Stop),
        };
        if matches!(input, Input::Notice(_)) {
            self.notices.fetch_sub(1, Relaxed);
        }
        Some(input)
    }
    /// Waits until the bell rings, for `patience` at most.
    fn wait(&self, patience: Duration) {
        let timeout = Timespec::try_from(patience).ok();
        let mut bell = [PollFd::new(&self.bell, PollFlags::IN)];
        // An interrupted wait is a short one: the caller looks again.
        if matches!(poll(&mut bell, timeout.as_ref()), Ok(1)) {
            // Inputs sent so far are in the channel, their rings are done with.
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(10);

    #[test]
    fn an_input_wakes_a_thread_that_waits() {
        let (outbox, inbox) = open().unwrap();
        let (told, heard) = mpsc::channel();
        let waiter = std::thread::spawn(move || {
            for _ in 0..3 {
                told.send(inbox.receive(LONG)).unwrap();
            }
        });
        for cookie in 0..3 {
            outbox.send(Input::Unwatch(cookie, Moment::default()));
            let input = heard.recv_timeout(Duration::from_secs(20)).expect("woken");
            // A ring that was heard late wakes once for nothing.
            assert!(matches!(input, None | Some(Input::Unwatch(..))), "{input:?}");
        }
        waiter.join().unwrap();
    }

    #[test]
    fn notices_beyond_the_limit_are_dropped_and_told_as_one_loss() {
        let (outbox, inbox) = open().unwrap();
        let counters = Counters::default();
        for _ in 0..MAX_NOTICES + 5 {
            assert!(outbox.notice(Notice::Lost, &counters));
        }
        assert_eq!(counters.events_lost.get(), 5);
        let count = || std::iter::from_fn(|| inbox.receive(Duration::ZERO)).count();
        assert_eq!(count(), MAX_NOTICES + 1);
        assert!(outbox.notice(Notice::Lost, &counters));
        assert_eq!((count(), counters.events_lost.get()), (1, 5));
    }
}
