//! Who is told.

use crate::{Closed, Flow, Polled};

/// Receives what the sampler sees, on the sampler's thread.
///
/// A call must not block: the next polls of every flow wait for it.
pub trait Recorder: Send {
    /// A flow was seen for the first time; once for each flow, before all else.
    fn opened(&mut self, flow: &Flow);

    /// A poll showed something new; the first poll of a flow always does.
    fn snapshot(&mut self, flow: &Flow, polled: &Polled);

    /// The flow is over; once for each flow, after all else.
    fn closed(&mut self, closed: &Closed);
}
