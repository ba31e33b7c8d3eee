//! What the black-box and lab suites share: real processes, directories that
//! survive a failure, waiting without sleeping, and a network lab in namespaces.
//!
//! Depends on nothing above the contracts, and no program depends on it.
#![allow(clippy::missing_panics_doc, reason = "a test kit fails a test by panicking")]

mod administrator;
mod api_server;
mod certificates;
pub mod cluster;
mod directory;
mod eventually;
mod executable;
mod gate;
pub mod lab;
mod merge;
mod process;
mod raw_client;
mod s3;
mod standalone;
mod sys;

pub use administrator::{Administrator, Plain};
pub use api_server::{ApiServer, Audit, Change};
pub use certificates::Certificates;
pub use directory::Directory;
pub use eventually::eventually;
pub use executable::beside;
pub use gate::{Gate, Traffic};
pub use merge::merge;
pub use process::{Finished, Process, Stream, run};
pub use raw_client::{Frame, RawClient, opcode};
pub use s3::S3;
pub use standalone::{Lake, Standalone};
