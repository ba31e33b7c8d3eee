//! Brings `MeasurementFleet`s about: what is in the API server is mapped to what
//! the planner observes, the plan's actions become API calls, and what the
//! planner reports becomes status and Events.
//!
//! One loop over stores and no reconciler per object: what a fleet does next
//! depends on all of its nodes.  Each round starts from what is there, so the
//! process may be killed between any two calls.
//!
//! Must never keep a decision that is not in the API server: what a round
//! remembers for the next is an answer that can be asked for again.
#![forbid(unsafe_code)]

mod act;
mod asked;
mod certificates;
mod compatibility;
mod connect;
mod desired;
mod error;
mod events;
pub mod fleet;
mod gates;
mod http;
mod leader;
mod ledger;
mod limiter;
mod metrics;
mod names;
mod observed;
mod operator;
mod render;
mod revisions;
mod round;
mod selector;
mod settings;
mod status;
mod synthetic;
mod tidy;
mod time;
mod view;
mod watch;

pub use connect::connect;
pub use error::Error;
pub use gates::{Answering, Gates};
pub use operator::Operator;
pub use settings::{Certificates, Collector, Server, Settings, StationDefaults};
