//! SQL over the network: the tables as a Flight SQL service, read-only, and what the
//! gates of a rollout ask of them.
//!
//! Owns who may ask, how much a question may take, and how answers are sent.
//! Must never run a statement that does more than read, nor let one client's
//! question or silence cost another its answer: SQL, handles and parameters are
//! hostile.
//!
//! | file | owns |
//! |---|---|
//! | `service` | the calls of Flight SQL, each a line or two to what follows |
//! | `authenticator`, `door` | who may ask |
//! | `handle` | what a client carries from one call to the next |
//! | `planning`, `plans` | SQL and parameters to a plan, and plans of a moment ago |
//! | `connections` | how many there are, and when a silent one ends |
//! | `admission` | how many at once, and who waits |
//! | `execution` | one query from its slot to its last row |
//! | `output` | rows on their way to a client, who may never read them |
//! | `running` | queries that can be cancelled |
//! | `shape` | types that every client reads |
//! | `catalog`, `keys`, `sql_info`, `types` | what there is, as clients list it |
//! | `gate` | whether a revision measures as well as another one |
//! | `client`, `gate_client` | the other side, for `trigpoint query --endpoint`, `trigpoint gate` and the operator |
//! | `channel` | the way there |
//!
//! Specification: <https://arrow.apache.org/docs/format/FlightSql.html>.

mod admission;
mod authenticator;
mod catalog;
mod channel;
mod client;
mod connections;
mod door;
mod execution;
mod gate;
mod gate_client;
mod handle;
mod keys;
mod metrics;
mod output;
mod planning;
mod plans;
mod running;
mod service;
mod settings;
mod shape;
mod sql_info;
mod status;
mod types;
mod workers;

pub use authenticator::Authenticator;
pub use channel::ClientError;
pub use client::Client;
pub use connections::Connection;
pub use door::Door;
pub use gate_client::GateClient;
pub use service::{QueryService, StartError, transport};
pub use settings::Settings;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
