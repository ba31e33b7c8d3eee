//! How plain values become [`Value`]s.

use std::net::IpAddr;

use crate::Value;

impl Value {
    /// Microseconds since the Unix epoch.
    pub fn time(microseconds: impl Into<Option<i64>>) -> Self {
        microseconds.into().map_or(Self::Null, Self::Time)
    }

    /// An address as text, IPv4 also where the kernel mapped it into IPv6.
    pub fn ip(address: IpAddr) -> Self {
        Self::Text(address.to_canonical().to_string())
    }

    /// Text where empty means unknown.
    pub fn known(text: &str) -> Self {
        if text.is_empty() { Self::Null } else { Self::from(text) }
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Integers are stored signed: what the kernel counts in 64 bits keeps its bits.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(value as i64)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
