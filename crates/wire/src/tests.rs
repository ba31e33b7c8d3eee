//! Payloads there and back, and payloads that nobody honest would send.

mod arbitrary;
mod hostile;
mod round_trip;
