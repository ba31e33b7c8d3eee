//! Which router sends where: the plan of a network with several paths.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// A place in a topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// The host that traces.
    Source,
    /// A router by its number.
    Router(usize),
    /// The host that is traced.
    Target,
}

/// Routers between a source and a target, and the cables between them, each in the
/// direction of the target.
#[derive(Debug, Clone)]
pub struct Topology {
    routers: usize,
    cables: Vec<(Node, Node)>,
}

impl Topology {
    /// Hops of so many routers, in the literature's way: 1-4-1 is a router that
    /// diverges, four side by side and one at which they converge.  Each hop's width
    /// must divide the next one's or be a multiple of it; then every router of the
    /// wider hop has one neighbour in the narrower one, and the diamond is not meshed.
    pub fn hops(widths: &[usize]) -> Self {
        Self::connected(widths, |here, from, there, to| {
            if here <= there { to / (there / here) == from } else { from / (here / there) == to }
        })
    }

    /// The same, with every router of a hop connected to every one of the next.
    pub fn meshed(widths: &[usize]) -> Self {
        Self::connected(widths, |_, _, _, _| true)
    }

    /// A diamond whose second branch is longer by one router.
    pub fn unequal() -> Self {
        let [diverges, short, long, longer, converges] = [0, 1, 2, 3, 4].map(Node::Router);
        let cables = vec![
            (Node::Source, diverges),
            (diverges, short),
            (diverges, long),
            (short, converges),
            (long, longer),
            (longer, converges),
            (converges, Node::Target),
        ];
        Self { routers: 5, cables }
    }

    fn connected(
        widths: &[usize],
        is_connected: impl Fn(usize, usize, usize, usize) -> bool,
    ) -> Self {
        let mut cables = Vec::new();
        let mut before: Vec<Node> = vec![Node::Source];
        let mut routers = 0;
        for width in widths {
            let hop: Vec<Node> = (routers..routers + width).map(Node::Router).collect();
            routers += width;
            connect(&mut cables, &before, &hop, &is_connected);
            before = hop;
        }
        connect(&mut cables, &before, &[Node::Target], &is_connected);
        Self { routers, cables }
    }

    /// How many routers there are.
    pub fn routers(&self) -> usize {
        self.routers
    }

    /// The cables, each from the end that is nearer to the source.
    pub fn cables(&self) -> &[(Node, Node)] {
        &self.cables
    }

    /// What a traceroute that sees everything sees, given the places' addresses.
    pub fn plan(&self, address: impl Fn(Node) -> IpAddr) -> Plan {
        let mut plan = Plan::default();
        let mut hop = BTreeSet::from([Node::Source]);
        for number in 1.. {
            let mut next = BTreeSet::new();
            for (from, to) in &self.cables {
                if !hop.contains(from) {
                    continue;
                }
                next.insert(*to);
                plan.vertices.insert((number, address(*to)));
                if *from != Node::Source {
                    plan.edges.insert((number - 1, address(*from), address(*to)));
                }
            }
            if next.is_empty() {
                break;
            }
            hop = next;
        }
        plan
    }
}

fn connect(
    cables: &mut Vec<(Node, Node)>,
    here: &[Node],
    there: &[Node],
    is_connected: &impl Fn(usize, usize, usize, usize) -> bool,
) {
    for (from, near) in here.iter().enumerate() {
        for (to, far) in there.iter().enumerate() {
            if is_connected(here.len(), from, there.len(), to) {
                cables.push((*near, *far));
            }
        }
    }
}

/// A graph of hops: the target is one of the vertices, the source is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Hop (TTL) and address.
    pub vertices: BTreeSet<(u8, IpAddr)>,
    /// Hop of the nearer end, its address, and that of the farther one.
    pub edges: BTreeSet<(u8, IpAddr, IpAddr)>,
}

impl Plan {
    /// How far the farthest vertex is.
    pub fn length(&self) -> u8 {
        self.vertices.last().map_or(0, |(hop, _)| *hop)
    }
}

#[cfg(test)]
mod tests;
