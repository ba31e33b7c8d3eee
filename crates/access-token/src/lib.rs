//! Tokens that let their bearer do something at one station for a short time: JSON
//! Web Tokens (RFC 7519) that are signed with Ed25519 (RFC 8037).
//!
//! The operator signs, a station checks, and knows the public key only. Time is a
//! parameter: it must never read a clock.

mod claims;
mod keys;
mod token;

pub use claims::{Claims, Purpose};
pub use keys::{KeyError, SigningKey, VerifyingKey};
pub use token::{Invalid, sign, verify};
