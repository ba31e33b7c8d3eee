//! The container image, from the archive that `cargo xtask image` makes: what is
//! in it, and both programs in containers of it, as pods run them, down to tables
//! in a bucket behind TLS.
//!
//! `cargo xtask prove image`; it wants root.
#![allow(clippy::print_stdout, reason = "the size is a figure of the image")]
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

#[path = "image/archive.rs"]
mod archive;
#[path = "image/container.rs"]
mod container;
#[path = "image/contents.rs"]
mod contents;
#[path = "image/object_store.rs"]
mod object_store;
#[path = "image/programs.rs"]
mod programs;
#[path = "image/resolver.rs"]
mod resolver;
