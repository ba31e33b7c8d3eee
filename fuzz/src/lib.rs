//! What every decoder of bytes from outside must do with any bytes: one
//! function per fuzz target. The corpora are replayed by ordinary tests that
//! include these files (`crates/*/tests/corpus.rs`), so that a plain
//! `cargo test` runs every input that once found something.

pub mod batches;
pub mod control_messages;
pub mod flow_events;
pub mod icmp_messages;
pub mod ndt7_messages;
pub mod netlink_replies;
pub mod tcp_info;
pub mod websocket_frames;
