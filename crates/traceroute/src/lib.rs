//! The traceroute container: learns from the server's event socket which
//! clients came, looks for all paths to each, and stores them.
//!
//! Works without privilege, and without the server: what it missed is counted.
#![forbid(unsafe_code)]

mod cache;
mod clock;
mod eligibility;
mod engine;
mod error;
mod flags;
mod flows;
mod metrics;
mod reader;
mod recorder;
mod scheduler;
mod service;
mod tracer;

pub use error::Error;
pub use flags::TracingFlags;
pub use reader::Source;
pub use service::{Ending, Service, Settings, Tracing};
