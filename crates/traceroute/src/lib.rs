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
pub mod export;
mod flags;
mod flows;
mod metrics;
mod reader;
mod recorder;
mod scheduler;
mod service;
mod tracer;

pub use engine::{Engine, Settings as EngineSettings, StartError};
pub use error::Error;
pub use flags::{Algorithm, TracingFlags, failure_probability};
pub use reader::Source;
pub use service::{Ending, Service, Settings, Tracing};
pub use tracer::{Traced, Tracer};
