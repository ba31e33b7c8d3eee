//! Facts about the machine that every row carries or that name the process.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::SystemTime;

mod congestion;
mod link;
mod processor;
mod virtualisation;

pub use congestion::{congestion_controls, try_congestion_control};
pub(crate) use link::Link;
pub(crate) use processor::processor_model;

/// What a process learns once about the machine it runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Host name as `uname` gives it; in Kubernetes the pod's name.
    pub name: String,
    /// When the machine booted, seconds since the Unix epoch.
    pub boot_time_s: u64,
    /// Kernel release as `uname -r` prints it.
    pub kernel_release: String,
    /// `none`, or the hypervisor in the words of systemd-detect-virt; absent if unknown.
    pub virtualisation: Option<String>,
}

impl Host {
    /// Reads the facts; what this machine does not tell is absent or empty.
    pub fn read() -> Self {
        let uname = rustix::system::uname();
        Self {
            name: uname.nodename().to_string_lossy().into_owned(),
            boot_time_s: boot_time_s(),
            kernel_release: uname.release().to_string_lossy().into_owned(),
            virtualisation: virtualisation::detect(),
        }
    }
}

/// Now minus the uptime, as M-Lab's uuid package has it: both clocks tick
/// together, and the wall clock's offset at boot does not matter.
fn boot_time_s() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let uptime_s = fs::read_to_string("/proc/uptime")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or_default();
    (now.as_secs_f64() - uptime_s).max(0.0) as u64
}

/// The addresses this machine uses toward the internet, one per family at most.
///
/// Connecting a UDP socket asks the routing table and sends nothing; the
/// destinations are documentation prefixes (RFC 5737, RFC 3849).
pub fn outbound_addresses() -> Vec<IpAddr> {
    let ask = |bind: IpAddr, destination: IpAddr| {
        let socket = UdpSocket::bind((bind, 0)).ok()?;
        socket.connect((destination, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let documentation_v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    [
        ask(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        ask(Ipv6Addr::UNSPECIFIED.into(), documentation_v6.into()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every address of this machine; `::` takes IPv4 clients too.
pub fn all_addresses() -> Vec<IpAddr> {
    let v6 = Ipv6Addr::UNSPECIFIED.into();
    if is_usable(v6) { vec![v6] } else { vec![Ipv4Addr::UNSPECIFIED.into()] }
}

/// The addresses at which only this machine reaches itself.
pub fn loopback_addresses() -> Vec<IpAddr> {
    let both = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    both.into_iter().filter(|address| is_usable(*address)).collect()
}

/// A machine without IPv6 has no address of it.
fn is_usable(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_time_agrees_with_the_kernels_own_figure() {
        let stat = fs::read_to_string("/proc/stat").unwrap();
        let kernel: u64 =
            stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap().parse().unwrap();
        assert!(Host::read().boot_time_s.abs_diff(kernel) <= 2);
    }

    #[test]
    fn the_kernel_release_is_the_one_in_proc() {
        let proc = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(Host::read().kernel_release, proc.trim());
    }
}
