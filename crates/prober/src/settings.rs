//! How to probe, and what.

use std::net::IpAddr;
use std::time::Duration;

use crate::Exclude;

/// Settings of a [`crate::Prober`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// After this a probe is lost.
    pub timeout: Duration,
    /// Carried in each probe behind its nonce, so that people who see it know whom to
    /// ask; cut at 256 bytes.
    pub contact: String,
    /// Networks that are never probed.
    pub exclude: Exclude,
    /// Receive by raw sockets, which need `CAP_NET_RAW` and show the fields of
    /// [`crate::Quoted`] and [`crate::Outer`] that an error queue does not.
    pub raw: bool,
    /// Most sockets at once: one for each flow.
    pub sockets: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(2),
            contact: String::new(),
            exclude: Exclude::default(),
            raw: false,
            sockets: 16_000,
        }
    }
}

/// Where to, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    /// What probes are.
    pub method: Method,
}

/// What probes are, and with that what makes a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// UDP datagrams; a flow is a source port.
    Udp {
        /// Destination port: the same for all flows.
        port: u16,
    },
    /// ICMP echo requests; a flow is an identifier and a checksum.
    Icmp,
    /// TCP SYNs; a flow is a source port and has one probe at a time.  They touch the
    /// target's services, so never choose this for somebody who did not ask.
    Tcp {
        /// Destination port.
        port: u16,
    },
}

impl Method {
    /// The UDP port that scamper and the first traceroute use: nobody listens there.
    pub const UDP: Self = Self::Udp { port: 33435 };

    /// Whether a flow has one probe on its way at a time
    /// ([`crate::SendError::FlowBusy`]).
    pub fn has_one_probe_per_flow(self) -> bool {
        matches!(self, Self::Tcp { .. })
    }
}

/// Version of the Internet protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// An address's; an IPv4 address that is mapped into IPv6 is IPv6 here, since that
    /// is how it would be sent: [`IpAddr::to_canonical`] first.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}
