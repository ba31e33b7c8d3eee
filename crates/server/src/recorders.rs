//! Who is told what the sampler sees.

use trigpoint_sockdiag::{Closed, Flow, Polled, Recorder};

use crate::{events, recording};

/// The tables, and the event socket if there is one.
pub(crate) struct Recorders {
    pub(crate) recording: recording::Handle,
    pub(crate) events: Option<events::Handle>,
}

impl Recorder for Recorders {
    fn opened(&mut self, flow: &Flow) {
        self.recording.opened(flow);
        if let Some(events) = &self.events {
            events.opened(flow);
        }
    }

    fn snapshot(&mut self, flow: &Flow, polled: &Polled) {
        self.recording.snapshot(flow, polled);
    }

    fn closed(&mut self, closed: &Closed) {
        self.recording.closed(closed);
        if let Some(events) = &self.events {
            events.closed(closed);
        }
    }
}
