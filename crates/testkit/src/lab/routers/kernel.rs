//! Settings of one host's kernel.

use std::fs;

use super::{Balancing, Behaviour};
use crate::lab::topology::Node;

/// Fields of `fib_multipath_hash_fields` (Documentation/networking/ip-sysctl.rst):
/// addresses, protocol and ports.
const PORTS: &str = "0x37";
/// Addresses, protocol and flow label.
const FLOW_LABEL: &str = "0xf";
/// Custom fields, from the packet and never from the socket that sent it.
const CUSTOM_FIELDS: &str = "3";

/// Sets them for the calling thread's namespace, before it has an interface.
#[track_caller]
pub(super) fn prepare(node: Node, behaviour: Behaviour) {
    for way in ["all", "default"] {
        set(&format!("ipv4/conf/{way}/rp_filter"), "0");
        set(&format!("ipv6/conf/{way}/accept_dad"), "0");
        set(&format!("ipv6/conf/{way}/accept_ra"), "0");
        set(&format!("ipv6/conf/{way}/router_solicitations"), "0");
    }
    if !behaviour.icmp_limits {
        set("ipv4/icmp_ratelimit", "0");
        set("ipv4/icmp_msgs_per_sec", "1000000");
        set("ipv4/icmp_msgs_burst", "1000000");
        set("ipv6/icmp/ratelimit", "0");
    }
    let Node::Router(number) = node else { return };
    set("ipv4/ip_forward", "1");
    set("ipv6/conf/all/forwarding", "1");
    for family in ["ipv4", "ipv6"] {
        set(&format!("{family}/fib_multipath_hash_policy"), CUSTOM_FIELDS);
    }
    let has_label = behaviour.balancing == Balancing::FlowLabel;
    set("ipv4/fib_multipath_hash_fields", PORTS);
    set("ipv6/fib_multipath_hash_fields", if has_label { FLOW_LABEL } else { PORTS });
    // One setting for both families. The number itself does not matter.
    let seed =
        if behaviour.equal_seeds { 1 } else { 0x9e37_79b1_u32.wrapping_mul(number as u32 + 1) };
    set("ipv4/fib_multipath_hash_seed", &seed.to_string());
}

#[track_caller]
fn set(name: &str, value: &str) {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).unwrap_or_else(|error| panic!("write {value} to {path}: {error}"));
}
