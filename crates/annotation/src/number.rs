//! Numbers of any width: the reader holds a file to the type that is asked
//! for, and files of other vendors than MaxMind's have other widths.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// An integer from 0 to 2^32 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer(pub(crate) u32);

/// A float, or an integer in the place of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Float(pub(crate) f64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FloatVisitor)
    }
}

// A visitor's methods for narrower numbers end in those for 64 bits.

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an integer of 32 bits")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Integer, E> {
        u32::try_from(value).map(Integer).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Integer, E> {
        u32::try_from(value).map(Integer).map_err(E::custom)
    }
}

struct FloatVisitor;

impl Visitor<'_> for FloatVisitor {
    type Value = Float;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Float, E> {
        Ok(Float(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }
}
