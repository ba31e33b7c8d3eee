//! The network interface toward the internet.

use std::fs;
use std::path::Path;

/// What the kernel says of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Link {
    /// Largest packet, in bytes.
    pub(crate) mtu: Option<i64>,
    /// Speed in megabits (10⁶ bits) per second, where there is hardware.
    pub(crate) mbps: Option<i64>,
    /// Driver, where there is hardware.
    pub(crate) driver: Option<String>,
}

impl Link {
    /// The interface of the default route; `None` without one.
    pub(crate) fn toward_internet() -> Option<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let name = default_v4(&read("/proc/net/route"))
            .or_else(|| default_v6(&read("/proc/net/ipv6_route")))?;
        Some(Self::read(&Path::new("/sys/class/net").join(name)))
    }

    /// A pod's own interface has no device below it: veth claims 10 Gbit/s
    /// whatever the node's card is (drivers/net/veth.c), which is no fact.
    fn read(interface: &Path) -> Self {
        let number =
            |name: &str| fs::read_to_string(interface.join(name)).ok()?.trim().parse::<i64>().ok();
        let device = interface.join("device");
        let driver = fs::read_link(device.join("driver")).ok();
        let driver = driver.as_deref().and_then(Path::file_name);
        // Cards without a cable, and many virtual ones, say -1.
        let mbps = number("speed").filter(|speed| *speed > 0 && device.exists());
        let driver = driver.map(|name| name.to_string_lossy().into_owned());
        Self { mtu: number("mtu"), mbps, driver }
    }
}

/// From `/proc/net/route` (net/ipv4/fib_trie.c): interface, destination, gateway,
/// flags, references, uses, metric, mask.
fn default_v4(routes: &str) -> Option<String> {
    let defaults = routes.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[interface, "00000000", _, _, _, _, metric, "00000000", ..] = fields.as_slice() else {
            return None;
        };
        Some((metric.parse::<u32>().ok()?, interface))
    });
    defaults.min().map(|(_, interface)| interface.to_owned())
}

/// From `/proc/net/ipv6_route` (net/ipv6/route.c): destination, its prefix length,
/// source, its prefix length, next hop, metric, references, uses, flags, interface.
/// The entry of `lo` is the one that refuses what has no route.
fn default_v6(routes: &str) -> Option<String> {
    let defaults = routes.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let &[destination, "00", _, _, _, metric, _, _, _, interface] = fields.as_slice() else {
            return None;
        };
        let is_default = destination.bytes().all(|byte| byte == b'0') && interface != "lo";
        is_default.then_some((u32::from_str_radix(metric, 16).ok()?, interface))
    });
    defaults.min().map(|(_, interface)| interface.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_with_the_least_metric_wins() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
             wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
             eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
        assert_eq!(default_v4(routes).as_deref(), Some("eth0"));
        assert_eq!(default_v4(""), None);
    }

    #[test]
    fn the_entry_of_loopback_is_no_default_route() {
        let zeros = "0".repeat(32);
        let gateway = "fe800000000000000000000000000001";
        let refused =
            format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200 lo\n");
        assert_eq!(default_v6(&refused), None);
        let routed = format!(
            "20010db8{} 20 {zeros} 00 {zeros} 00000100 00000001 00000000 00000001 eth1\n\
             {zeros} 00 {zeros} 00 {gateway} 00000400 00000001 00000000 00000003 eth0\n{refused}",
            "0".repeat(24)
        );
        assert_eq!(default_v6(&routed).as_deref(), Some("eth0"));
    }

    #[test]
    fn an_interface_without_a_device_has_no_speed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("mtu"), "1450\n").unwrap();
        fs::write(path.join("speed"), "10000\n").unwrap();
        assert_eq!(Link::read(path), Link { mtu: Some(1450), mbps: None, driver: None });

        fs::create_dir(path.join("device")).unwrap();
        std::os::unix::fs::symlink("/sys/bus/pci/drivers/ixgbe", path.join("device/driver"))
            .unwrap();
        let link = Link { mtu: Some(1450), mbps: Some(10_000), driver: Some("ixgbe".to_owned()) };
        assert_eq!(Link::read(path), link);
        fs::write(path.join("speed"), "-1\n").unwrap();
        assert_eq!(Link::read(path).mbps, None);
    }
}
