//! Interrupts a wait from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

/// Ends the [`crate::Transport::wait`] of its prober: the current one or the next.
#[derive(Debug, Clone)]
pub struct Waker {
    event: Arc<OwnedFd>,
}

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self { event: Arc::new(eventfd(0, flags)?) })
    }

    /// Does it; costs one system call.
    pub fn wake(&self) {
        // It fails only when the counter is full, and then it wakes already.
        let _ = rustix::io::write(&*self.event, &1_u64.to_ne_bytes());
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    /// Forgets that it was asked to wake.
    pub(super) fn clear(&self) {
        // It fails only when nobody has asked.
        let _ = rustix::io::read(&*self.event, &mut [0; 8]);
    }
}
