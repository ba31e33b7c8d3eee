//! M-Lab's formats: what programs that were written for its platform read and
//! write.
//!
//! Must never open a socket or a file.
#![forbid(unsafe_code)]

mod flow_event;
pub mod scamper;

pub use flow_event::{
    EventKind, FlowEvent, FlowEventError, MAX_LINE_BYTES, MAX_TEST_ID_BYTES, Position, SockId,
};
pub use scamper::{scamper, scamper_metadata};
