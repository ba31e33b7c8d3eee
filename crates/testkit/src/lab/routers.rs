//! Routers of the lab: real kernels that forward, balance and answer.
//!
//! Balancing is the kernel's own (`fib_multipath_hash_policy`), with two traps, found by
//! experiment (`kernel-facts.md` A6, `measurement.md` section 0): without a seed of its
//! own every namespace hashes alike, so that a second balancer sees only one half of its
//! choices; and policy 1 takes the hash that the sending socket left in the packet, so
//! that two sockets with the same ports go different ways.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Namespace;
use super::topology::{Node, Plan, Topology};
use crate::eventually;

mod addresses;
mod balancing;
mod kernel;

pub use balancing::Balancing;

use addresses::Addresses;

/// How the routers of a network behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// By what they choose among several next hops.
    pub balancing: Balancing,
    /// Whether all hash with the same seed, as routers of one maker may: their choices
    /// are then the same, and part of the network has no traffic.
    pub equal_seeds: bool,
    /// Whether they answer no faster than Linux does by default.
    pub icmp_limits: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { balancing: Balancing::Ports, equal_seeds: false, icmp_limits: false }
    }
}

/// A source, a target, and routers between them; IPv4 and IPv6.
#[derive(Debug)]
pub struct Routers {
    topology: Topology,
    source: Namespace,
    between: Vec<Namespace>,
    target: Namespace,
}

impl Routers {
    /// Builds the network and waits until both families reach the target.
    #[track_caller]
    pub fn new(topology: Topology, behaviour: Behaviour) -> Self {
        let routers = (0..topology.routers()).map(|at| Namespace::new(&format!("r{at}")));
        let network = Self {
            source: Namespace::new("source"),
            between: routers.collect(),
            target: Namespace::new("target"),
            topology,
        };
        for node in network.nodes() {
            let host = network.host(node);
            host.within(|| kernel::prepare(node, behaviour));
        }
        network.lay_cables();
        for node in network.nodes() {
            network.connect(node, behaviour);
        }
        network.await_links();
        network
    }

    /// The host that traces.
    pub fn source(&self) -> &Namespace {
        &self.source
    }

    /// The host that is traced.
    pub fn target(&self) -> &Namespace {
        &self.target
    }

    /// A router.
    pub fn router(&self, number: usize) -> &Namespace {
        &self.between[number]
    }

    /// The IPv4 address of a place: the one with which it answers.
    pub fn v4(node: Node) -> IpAddr {
        Addresses::of(node).v4.into()
    }

    /// The IPv6 address of a place.
    pub fn v6(node: Node) -> IpAddr {
        Addresses::of(node).v6.into()
    }

    /// Gives the target so many further addresses of each family, behind the same paths;
    /// they can be traced each by itself.
    #[track_caller]
    pub fn add_targets(&self, count: u8) {
        let mut batch = String::new();
        for number in 1..=count {
            let Addresses { v4, v6 } = Addresses::further(number);
            let _ = writeln!(batch, "addr add {v4}/32 dev lo\naddr add {v6}/128 dev lo nodad");
        }
        feed(self.target.command("ip").args(["-batch", "-"]), &batch);
    }

    /// One of the target's further IPv4 addresses, from 1.
    pub fn target_v4(number: u8) -> IpAddr {
        Addresses::further(number).v4.into()
    }

    /// One of the target's further IPv6 addresses, from 1.
    pub fn target_v6(number: u8) -> IpAddr {
        Addresses::further(number).v6.into()
    }

    /// What there is to see over IPv4.
    pub fn plan_v4(&self) -> Plan {
        self.plan_to(Self::v4(Node::Target))
    }

    /// What there is to see over IPv6.
    pub fn plan_v6(&self) -> Plan {
        self.plan_to(Self::v6(Node::Target))
    }

    /// What there is to see on the way to an address of the target.
    pub fn plan_to(&self, address: IpAddr) -> Plan {
        self.topology.plan(|node| match node {
            Node::Target => address,
            _ if address.is_ipv4() => Self::v4(node),
            _ => Self::v6(node),
        })
    }

    fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        let routers = (0..self.topology.routers()).map(Node::Router);
        [Node::Source, Node::Target].into_iter().chain(routers)
    }

    fn host(&self, node: Node) -> &Namespace {
        match node {
            Node::Source => &self.source,
            Node::Router(number) => &self.between[number],
            Node::Target => &self.target,
        }
    }

    fn lay_cables(&self) {
        let mut batch = String::new();
        for (number, (near, far)) in self.topology.cables().iter().enumerate() {
            let [here, there] = [End::near(number), End::far(number)];
            let (near, far) = (self.host(*near).name(), self.host(*far).name());
            let _ = writeln!(
                batch,
                "link add {} address {} netns {near} type veth peer name {} address {} netns {far}",
                here.interface(),
                here.hardware(),
                there.interface(),
                there.hardware(),
            );
        }
        feed(Command::new("ip").args(["-batch", "-"]), &batch);
    }

    /// Addresses, neighbours and routes of one host.
    fn connect(&self, node: Node, behaviour: Behaviour) {
        let Addresses { v4, v6 } = Addresses::of(node);
        let mut batch = format!("addr add {v4}/32 dev lo\naddr add {v6}/128 dev lo nodad\n");
        let (mut towards_source, mut towards_target) = (Vec::new(), Vec::new());
        for (number, (near, far)) in self.topology.cables().iter().enumerate() {
            for (here, there, at, ways) in [
                (End::near(number), End::far(number), near, &mut towards_target),
                (End::far(number), End::near(number), far, &mut towards_source),
            ] {
                if *at == node {
                    batch += &here.up(&there);
                    ways.push(there.next_hop(&here));
                }
            }
        }
        // Answers all go back by the first way: only the way there has branches.
        if let Some(way) = towards_source.first() {
            let Addresses { v4: source_v4, v6: source_v6 } = Addresses::of(Node::Source);
            let _ = writeln!(batch, "route add {source_v4}/32 {way} src {v4}");
            let _ = writeln!(batch, "route add {source_v6}/128 {} src {v6}", v6_way(way));
        }
        batch += &balancing::routes(&towards_target, v4, v6, behaviour.balancing);
        let host = self.host(node);
        feed(host.command("ip").args(["-batch", "-"]), &batch);
        balancing::rules(host, &towards_target, behaviour.balancing);
    }

    #[track_caller]
    fn await_links(&self) {
        for node in self.nodes() {
            let host = self.host(node);
            // Asking for the links makes link watch run: see `Namespace::await_link`.
            eventually(Duration::from_secs(10), "carriers on the cables of a router", || {
                let output = host.command("ip").args(["-o", "link", "show"]).output().ok()?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let mut links = text.lines().filter(|line| !line.contains(": lo:"));
                links.all(|line| line.contains("state UP")).then_some(())
            });
        }
    }
}

/// One end of a cable.  Neither family has addresses on it, as on unnumbered links:
/// next hops are link-local, also for IPv4, and known beforehand.
struct End {
    cable: usize,
    side: u8,
}

impl End {
    fn near(cable: usize) -> Self {
        Self { cable, side: 1 }
    }

    fn far(cable: usize) -> Self {
        Self { cable, side: 2 }
    }

    fn interface(&self) -> String {
        format!("e{}-{}", self.cable, self.side)
    }

    fn hardware(&self) -> String {
        format!("02:00:00:{:02x}:{:02x}:{:02x}", self.side, self.cable >> 8, self.cable & 0xff)
    }

    fn link_local(&self) -> String {
        format!("fe80::{:x}:{}", self.cable + 1, self.side)
    }

    /// Lines that bring this end up and name the other one.
    fn up(&self, other: &Self) -> String {
        let (interface, neighbour) = (self.interface(), other.link_local());
        let hardware = other.hardware();
        format!(
            "link set {interface} addrgenmode none up\n\
             neigh add {neighbour} lladdr {hardware} dev {interface} nud permanent\n"
        )
    }

    /// This end as a next hop, from the other one.
    fn next_hop(&self, from: &Self) -> String {
        format!("via inet6 {} dev {}", self.link_local(), from.interface())
    }
}

/// A way of IPv4 as one of IPv6.
fn v6_way(way: &str) -> String {
    way.replace("via inet6", "via")
}

/// Runs a command of the lab's set-up that reads `input`.
#[track_caller]
fn feed(command: &mut Command, input: &str) {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read on says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output =
        child.wait_with_output().unwrap_or_else(|error| panic!("wait for {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed: {}\nreading\n{input}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
}
