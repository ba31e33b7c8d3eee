//! The ndt7 protocol without a socket: constants in the specification's words,
//! the measurement messages, the rules of the query string, how messages grow
//! and when measurements are due.
//!
//! Specification: <https://github.com/m-lab/ndt-server/blob/main/spec/ndt7-protocol.md>
//! (version 0.11); where M-Lab's server differs from it, clients rely on the
//! server, and so does this crate.
//!
//! Must never touch a socket, read a clock or draw a random number.
#![forbid(unsafe_code)]

mod direction;
mod memoryless;
mod message;
mod message_size;
mod query;
pub mod spec;

pub use direction::Direction;
pub use memoryless::measurement_interval;
pub use message::{
    AppInfo, BbrInfo, ConnectionInfo, Extra, MAX_MESSAGE_BYTES, Measurement, MessageError, Origin,
    TcpInfo,
};
pub use message_size::MessageSize;
pub use query::{Metadata, Query, QueryError};
