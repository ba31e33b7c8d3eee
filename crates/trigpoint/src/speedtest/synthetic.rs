//! Tests of the operator of a fleet: from a pod that runs once, whose result is in its
//! termination message.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde::Serialize;
use trigpoint_process::{Failure, termination};
use trigpoint_speedtest::{Client, Summary};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Synthetic tests")]
pub(super) struct Synthetic {
    /// Test as the operator of a fleet, whose token is in FILE: the station says in the
    /// tables that such a test is none of a user
    #[arg(id = "synthetic", long = "synthetic", env = "TRIGPOINT_SYNTHETIC", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Where to leave the result as JSON, in Kubernetes /dev/termination-log
    #[arg(long, env = "TRIGPOINT_TERMINATION_LOG", value_name = "FILE", requires = "synthetic")]
    termination_log: Option<PathBuf>,
    /// Addresses of the node that this pod is on, with commas between: many clusters put
    /// one of them in the place of a pod's own on the way out, as no client's is
    #[arg(
        long,
        env = "TRIGPOINT_NODE_ADDRESSES",
        value_name = "ADDRESSES",
        value_delimiter = ',',
        requires = "synthetic"
    )]
    node_addresses: Vec<IpAddr>,
}

/// What the operator reads.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    download_bits_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_bits_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_rtt_micros: Option<u32>,
    /// Payload that was moved, both ways together.
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_address: Option<IpAddr>,
    /// Whether the station sees another address than the client or its node has; absent
    /// if it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_address_rewritten: Option<bool>,
}

impl Synthetic {
    /// The token to show, if this is such a test.
    pub(super) fn token(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let read = || -> anyhow::Result<String> {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            let token = text.trim();
            if token.is_empty() || token.contains(char::is_whitespace) {
                bail!("`{}` must hold one token and nothing else", path.display());
            }
            Ok(token.to_owned())
        };
        read().map(Some).map_err(Failure::Usage)
    }

    /// Leaves the result. A test that failed leaves its line on stderr alone, which the
    /// kubelet takes in its place (`terminationMessagePolicy: FallbackToLogsOnError`).
    pub(super) fn leave(&self, summary: &Summary) -> Result<(), Failure> {
        let Some(path) = &self.termination_log else { return Ok(()) };
        let (download, upload) = (summary.download.as_ref(), summary.upload.as_ref());
        let outcome = Outcome {
            server: &summary.server,
            download_bits_per_second: download.map(|download| download.bits_per_second),
            upload_bits_per_second: upload.map(|upload| upload.bits_per_second),
            min_rtt_micros: download
                .and_then(|download| download.min_rtt_us)
                .or(upload.and_then(|upload| upload.min_rtt_us)),
            bytes: download.map_or(0, |download| download.bytes)
                + upload.map_or(0, |upload| upload.bytes),
            client_address: summary.client.map(|client| client.own.ip().to_canonical()),
            seen_address: summary.client.map(|client| client.seen.ip().to_canonical()),
            client_address_rewritten: summary
                .client
                .as_ref()
                .map(|client| self.is_rewritten(client)),
        };
        Ok(termination::write(path, &outcome)?)
    }

    /// Whether something between the client's node and the station has put its own
    /// address in the place of the client's.
    fn is_rewritten(&self, client: &Client) -> bool {
        client.is_rewritten() && !self.node_addresses.contains(&client.seen.ip().to_canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_clients_own_node_is_no_rewritten_one() {
        let test = Synthetic {
            token_file: None,
            termination_log: None,
            node_addresses: vec!["192.0.2.12".parse().unwrap(), "2001:db8::12".parse().unwrap()],
        };
        let is_rewritten = |seen: &str| {
            let own = "10.88.2.7:5000".parse().unwrap();
            test.is_rewritten(&Client { own, seen: seen.parse().unwrap() })
        };
        assert!(!is_rewritten("10.88.2.7:61000"));
        assert!(!is_rewritten("192.0.2.12:61000"));
        assert!(!is_rewritten("[::ffff:192.0.2.12]:61000"));
        // The node of the station: its Service sends clients on under its own name.
        assert!(is_rewritten("192.0.2.1:61000"));
    }
}
