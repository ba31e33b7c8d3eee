//! The figures of a run.

use std::net::SocketAddr;

use serde::Serialize;
use trigpoint_ndt7::{Measurement, TcpInfo};

use crate::subtest::Record;
use crate::{Error, Target};

/// What a run found. Units are in the names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The server's URL without path and query string.
    pub server: String,
    /// The download, if it was asked for.
    pub download: Option<Download>,
    /// The upload, if it was asked for.
    pub upload: Option<Upload>,
    /// This end of the last connection.
    pub client: Option<Client>,
}

/// The client's end of a connection, from both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Client {
    /// As this host has it.
    pub own: SocketAddr,
    /// As the server sees it.
    pub seen: SocketAddr,
}

impl Client {
    /// Whether the server sees another address than this host has: something on the
    /// way has put its own in the place of it.
    pub fn is_rewritten(&self) -> bool {
        self.own.ip().to_canonical() != self.seen.ip().to_canonical()
    }
}

/// A finished download.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Download {
    /// The server's identity of the flow.
    pub uuid: Option<String>,
    /// Payload over time, as this client received it.
    pub bits_per_second: f64,
    /// Payload bytes received.
    pub bytes: u64,
    /// From the handshake to the last of them, microseconds.
    pub elapsed_us: u64,
    /// Minimum round-trip time in the server's last measurement, microseconds.
    pub min_rtt_us: Option<u32>,
    /// Share of the bytes that the server sent again, in its last measurement.
    pub retransmission: Option<f64>,
    /// The server's measurements: the JSON texts exactly as received.
    pub server_measurements: Vec<String>,
}

/// A finished upload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upload {
    /// The server's identity of the flow.
    pub uuid: Option<String>,
    /// Bytes over time in the server's last measurement.
    pub bits_per_second: f64,
    /// Bytes that the server had received then.
    pub bytes: u64,
    /// The server's time then, microseconds.
    pub elapsed_us: u64,
    /// Minimum round-trip time in the server's last measurement, microseconds.
    pub min_rtt_us: Option<u32>,
    /// The server's measurements: the JSON texts exactly as received.
    pub server_measurements: Vec<String>,
}

impl Summary {
    pub(crate) fn new(target: &Target) -> Self {
        Self { server: target.to_string(), download: None, upload: None, client: None }
    }

    /// Servers of other makes may not say what they see.
    fn connected(&mut self, record: &Record) {
        if let Some((own, seen)) = record.own_address.zip(record.seen_address) {
            self.client = Some(Client { own, seen });
        }
    }

    pub(crate) fn add_download(&mut self, target: &Target, record: Record) -> Result<(), Error> {
        let elapsed_us = record.elapsed.as_micros() as u64;
        if record.bytes == 0 || elapsed_us == 0 {
            return Err(no_rate(target, "data"));
        }
        self.connected(&record);
        let tcp_info = record.last.as_ref().and_then(|last| last.tcp_info.as_ref());
        self.download = Some(Download {
            bits_per_second: bits_per_second(record.bytes, elapsed_us),
            bytes: record.bytes,
            elapsed_us,
            min_rtt_us: tcp_info.and_then(min_rtt_us),
            retransmission: tcp_info.and_then(retransmission),
            uuid: record.uuid,
            server_measurements: record.texts,
        });
        Ok(())
    }

    pub(crate) fn add_upload(&mut self, target: &Target, record: Record) -> Result<(), Error> {
        let (bytes, elapsed_us) = record
            .last
            .as_ref()
            .and_then(received)
            .ok_or_else(|| no_rate(target, "a measurement of what it received"))?;
        self.connected(&record);
        let tcp_info = record.last.as_ref().and_then(|last| last.tcp_info.as_ref());
        self.upload = Some(Upload {
            bits_per_second: bits_per_second(bytes, elapsed_us),
            bytes,
            elapsed_us,
            min_rtt_us: tcp_info.and_then(min_rtt_us),
            uuid: record.uuid,
            server_measurements: record.texts,
        });
        Ok(())
    }
}

pub(crate) fn bits_per_second(bytes: u64, elapsed_us: u64) -> f64 {
    bytes as f64 * 8e6 / elapsed_us.max(1) as f64
}

/// Bytes and microseconds of an upload as the server measured it: what TCP
/// received, as every ndt7 client reports it, or else what the server counted.
pub(crate) fn received(measurement: &Measurement) -> Option<(u64, u64)> {
    let tcp_info = measurement.tcp_info.as_ref().map(|t| (t.bytes_received, t.elapsed_time));
    let app_info = measurement.app_info.as_ref().map(|a| (a.num_bytes, a.elapsed_time));
    let (bytes, elapsed_us) = tcp_info.or(app_info)?;
    (bytes > 0 && elapsed_us > 0).then_some((bytes as u64, elapsed_us as u64))
}

/// The kernel says `u32::MAX` and Go 0 as long as there is none.
fn min_rtt_us(info: &TcpInfo) -> Option<u32> {
    Some(info.min_rtt).filter(|rtt| !matches!(rtt, 0 | &u32::MAX))
}

fn retransmission(info: &TcpInfo) -> Option<f64> {
    (info.bytes_sent > 0).then(|| info.bytes_retrans as f64 / info.bytes_sent as f64)
}

fn no_rate(target: &Target, missing: &'static str) -> Error {
    Error::NoRate { server: target.to_string(), missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_rewritten_when_the_server_sees_another_host() {
        let is_rewritten = |own: &str, seen: &str| {
            Client { own: own.parse().unwrap(), seen: seen.parse().unwrap() }.is_rewritten()
        };
        assert!(!is_rewritten("192.0.2.1:5000", "192.0.2.1:5000"));
        assert!(!is_rewritten("192.0.2.1:5000", "[::ffff:192.0.2.1]:5000"));
        // Another port is nobody's address.
        assert!(!is_rewritten("[2001:db8::1]:5000", "[2001:db8::1]:61000"));
        assert!(is_rewritten("10.88.2.7:5000", "192.0.2.12:5000"));
    }
}
