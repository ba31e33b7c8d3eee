//! The other ways to probe: ICMP echo, TCP, raw sockets.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, TcpListener};

use trigpoint_prober::{Kind, Match, Method, OpenError, Prober, Reply, Settings, Target};
use trigpoint_prober::{Rtt, Transport as _};
use trigpoint_testkit::lab::{Balancing, Behaviour, Node, Plan, Routers, Topology, inside};

use crate::enumerate::{Enumerated, FLOWS};

fn families(network: &Routers) -> [(IpAddr, Plan); 2] {
    [(Routers::v4(Node::Target), network.plan_v4()), (Routers::v6(Node::Target), network.plan_v6())]
}

/// The group of the lab's root may open ping sockets on the source's host.
fn allow_ping(network: &Routers) {
    network.source().within(|| {
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
    });
}

/// What echo requests see where routers hash ICMP checksums.
fn echo_sees_the_plan(raw: bool) {
    let behaviour = Behaviour { balancing: Balancing::IcmpChecksum, ..Behaviour::default() };
    let network = Routers::new(Topology::hops(&[1, 4, 4, 1]), behaviour);
    if !raw {
        allow_ping(&network);
    }
    for (address, plan) in families(&network) {
        let seen = network.source().within(|| {
            let mut prober = Prober::new(Settings { raw, ..Settings::default() }).unwrap();
            let target = Target { address, method: Method::Icmp };
            Enumerated::new(&mut prober, target, FLOWS, plan.length())
        });
        assert_eq!(seen.lost, 0);
        assert_eq!(seen.graph(address), plan);
        for reply in seen.replies.values() {
            let is_target = reply.responder == address;
            let kind = if is_target { Kind::Destination } else { Kind::TimeExceeded };
            assert_eq!((reply.kind, reply.matched), (kind, Match::Nonce), "{reply:?}");
            assert!(matches!(reply.timing.rtt, Rtt::Kernel(_)), "{reply:?}");
            let quotes = raw && !is_target;
            assert_eq!(reply.quoted.ttl, quotes.then_some(1), "{reply:?}");
        }
    }
}

#[test]
fn echo_by_ping_sockets() {
    inside("methods::echo_by_ping_sockets", || echo_sees_the_plan(false));
}

#[test]
fn echo_by_raw_sockets() {
    inside("methods::echo_by_raw_sockets", || echo_sees_the_plan(true));
}

#[test]
fn ping_sockets_that_are_not_allowed_are_said_to_be() {
    inside("methods::ping_sockets_that_are_not_allowed_are_said_to_be", || {
        let network = Routers::new(Topology::hops(&[1]), Behaviour::default());
        network.source().within(|| {
            let mut prober = Prober::new(Settings::default()).unwrap();
            let target = Target { address: Routers::v4(Node::Target), method: Method::Icmp };
            let error = prober.open(target).unwrap_err();
            assert!(matches!(error, OpenError::PingNotAllowed), "{error}");
            assert!(error.to_string().contains("net.ipv4.ping_group_range"), "{error}");
        });
    });
}

/// Raw sockets show what an error queue does not, and the same graph.
#[test]
fn raw_sockets_show_the_quoted_header() {
    inside("methods::raw_sockets_show_the_quoted_header", || {
        let network = Routers::new(Topology::meshed(&[1, 4, 4, 1]), Behaviour::default());
        for (address, plan) in families(&network) {
            let (seen, counters) = network.source().within(|| {
                let mut prober =
                    Prober::new(Settings { raw: true, ..Settings::default() }).unwrap();
                let target = Target { address, method: Method::UDP };
                let seen = Enumerated::new(&mut prober, target, FLOWS, plan.length());
                (seen, prober.counters())
            });
            assert_eq!(seen.lost, 0, "{counters:?}");
            assert_eq!(seen.graph(address), plan);
            for reply in seen.replies.values() {
                has_all_fields(reply, address);
            }
        }
    });
}

fn has_all_fields(reply: &Reply, target: IpAddr) {
    if reply.responder != target {
        assert_eq!(reply.quoted.ttl, Some(1), "{reply:?}");
    }
    assert_eq!(reply.quoted.tos, Some(0), "{reply:?}");
    assert_eq!(reply.quoted.ip_id.is_some(), target.is_ipv4(), "{reply:?}");
    assert_eq!(reply.outer.ip_id.is_some(), target.is_ipv4(), "{reply:?}");
    assert!(reply.outer.ttl.is_some(), "{reply:?}");
    assert!(matches!(reply.timing.rtt, Rtt::Kernel(_)), "{reply:?}");
}

/// SYNs take every way; the target's answer is known whether somebody listens or not.
#[test]
fn tcp_sees_the_plan_and_leaves_no_connection() {
    inside("methods::tcp_sees_the_plan_and_leaves_no_connection", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        for raw in [false, true] {
            for (address, plan) in families(&network) {
                let listener =
                    network.target().within(|| TcpListener::bind((address, 443)).unwrap());
                for port in [443, 444] {
                    let seen = network.source().within(|| {
                        let mut prober =
                            Prober::new(Settings { raw, ..Settings::default() }).unwrap();
                        let target = Target { address, method: Method::Tcp { port } };
                        Enumerated::new(&mut prober, target, 128, plan.length())
                    });
                    assert_eq!(seen.lost, 0);
                    assert_eq!(seen.graph(address), plan);
                    let of_target =
                        seen.replies.values().filter(|reply| reply.responder == address);
                    assert!(of_target.clone().count() >= 128);
                    assert!(of_target.clone().all(|reply| reply.kind == Kind::Destination));
                }
                assert_reset(&listener, address);
            }
        }
    });
}

/// Every connection that was made is gone, by RST.
fn assert_reset(listener: &TcpListener, target: IpAddr) {
    listener.set_nonblocking(true).unwrap();
    let mut connections = 0;
    while let Ok((mut connection, peer)) = listener.accept() {
        connection.set_nonblocking(false).unwrap();
        let error = connection.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{peer} to {target}");
        connections += 1;
    }
    assert!(connections > 0, "nobody connected to {}", SocketAddr::new(target, 443));
}
