//! Networks: routers, what each does, and which follow it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use trigpoint_multipath::MplsLabel;

use crate::network::mix;

/// What a router does.
#[derive(Debug, Clone)]
pub(crate) struct Router {
    pub(crate) address: IpAddr,
    pub(crate) successors: Vec<usize>,
    /// Never answers.
    pub(crate) is_silent: bool,
    /// Chooses a successor for each packet, not for each flow.
    pub(crate) is_per_packet: bool,
    /// Forwards a packet whose time to live has ended, so that the next router
    /// answers in its place.
    pub(crate) forwards_the_dead: bool,
    /// Answers with this code of Destination Unreachable what it should forward.
    pub(crate) refuses_with: Option<u8>,
    /// A token bucket for answers: its size, and tokens per second.
    pub(crate) limit: Option<(u32, f64)>,
    pub(crate) labels: Vec<MplsLabel>,
}

impl Router {
    fn at(address: IpAddr) -> Self {
        Self {
            address,
            successors: Vec::new(),
            is_silent: false,
            is_per_packet: false,
            forwards_the_dead: false,
            refuses_with: None,
            limit: None,
            labels: Vec::new(),
        }
    }
}

/// Routers from a source (the first) to a destination (the last).
#[derive(Debug, Clone)]
pub(crate) struct Topology {
    pub(crate) routers: Vec<Router>,
}

/// Vertices and edges by time to live, as a trace should find them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Truth {
    pub(crate) vertices: BTreeSet<(u8, IpAddr)>,
    /// From (hop 0 is the source and has no address) to.
    pub(crate) edges: BTreeSet<(u8, Option<IpAddr>, IpAddr)>,
    /// Vertices with more than one successor.
    pub(crate) branching: usize,
}

impl Topology {
    /// Layers of so many routers, the first of which is the source and the last
    /// the destination; neighbouring layers are linked evenly and as little as
    /// may be.
    pub(crate) fn layers(widths: &[usize]) -> Self {
        Self::linked(widths, |width, next, from, to| {
            if next >= width { to * width / next == from } else { from * next / width == to }
        })
    }

    /// Layers that are linked in full.
    pub(crate) fn meshed(widths: &[usize]) -> Self {
        Self::linked(widths, |_, _, _, _| true)
    }

    pub(crate) fn linked(
        widths: &[usize],
        is_link: impl Fn(usize, usize, usize, usize) -> bool,
    ) -> Self {
        let count: usize = widths.iter().sum();
        let mut routers: Vec<Router> = (0..count).map(|index| Router::at(address(index))).collect();
        let mut start = 0;
        for pair in widths.windows(2) {
            let (width, next) = (pair[0], pair[1]);
            for from in 0..width {
                let linked = (0..next).filter(|&to| is_link(width, next, from, to));
                routers[start + from].successors = linked.map(|to| start + width + to).collect();
            }
            start += width;
        }
        Self { routers }
    }

    /// Layers of random widths up to `widest`, linked at random: each router has
    /// one to three successors, and none is without a predecessor.
    pub(crate) fn random(seed: u64, widest: u64) -> Self {
        let depth = 2 + mix(&[seed, 1]) % 4;
        let layer = |depth| 1 + (mix(&[seed, 2, depth]) % widest) as usize;
        let mut widths = vec![1];
        // One of the layers is as wide as it may be.
        let wide = mix(&[seed, 3]) % depth;
        widths.extend((0..depth).map(|n| if n == wide { widest as usize } else { layer(n) }));
        widths.push(1);
        Self::linked(&widths, |width, next, from, to| {
            let is_even = if next >= width { to % width == from } else { from % next == to };
            let chosen = |n| (mix(&[seed, 4, width as u64, from as u64, n]) % next as u64) as usize;
            let ways = mix(&[seed, 5, width as u64, from as u64]) % 3;
            is_even || (0..ways).any(|n| chosen(n) == to)
        })
    }

    /// Fakeroute's format: a link per line, as two addresses; the source comes
    /// first, or is called `start`; the destination has no successor, or is
    /// called `end`; `#` begins a comment.
    pub(crate) fn fakeroute(text: &str) -> Self {
        let mut names: Vec<&str> = Vec::new();
        let mut links: Vec<(usize, usize)> = Vec::new();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let (Some(from), Some(to)) = (words.next(), words.next()) else { continue };
            let mut index = |name| {
                names.iter().position(|known| *known == name).unwrap_or_else(|| {
                    names.push(name);
                    names.len() - 1
                })
            };
            links.push((index(from), index(to)));
        }
        // The destination is to be the last.
        let last = (0..names.len()).find(|node| links.iter().all(|link| link.0 != *node));
        let last = last.expect("a node without successors");
        let moved = |node: usize| match node {
            _ if node == last => names.len() - 1,
            _ if node > last => node - 1,
            _ => node,
        };
        let own = |name: &str| match name {
            "start" => Ipv4Addr::LOCALHOST.into(),
            "end" => IpAddr::from([192, 0, 2, 1]),
            _ => name.parse().expect("an address"),
        };
        let mut routers = vec![Router::at(address(0)); names.len()];
        for (node, name) in names.iter().enumerate() {
            routers[moved(node)].address = own(name);
        }
        for (from, to) in links {
            routers[moved(from)].successors.push(moved(to));
        }
        Self { routers }
    }

    pub(crate) fn destination(&self) -> usize {
        self.routers.len() - 1
    }

    pub(crate) fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        let mut here = BTreeSet::from([0]);
        let mut ttl = 0;
        while !here.is_empty() {
            let mut next = BTreeSet::new();
            for router in here.into_iter().filter(|&router| router != self.destination()) {
                let successors = &self.routers[router].successors;
                truth.branching += usize::from(successors.len() > 1);
                let from = (ttl > 0).then_some(self.routers[router].address);
                for &successor in successors {
                    let to = self.routers[successor].address;
                    truth.vertices.insert((ttl + 1, to));
                    truth.edges.insert((ttl, from, to));
                    next.insert(successor);
                }
            }
            here = next;
            ttl += 1;
        }
        truth
    }

    /// The same with something else about some routers.
    pub(crate) fn with(mut self, routers: &[usize], change: impl Fn(&mut Router)) -> Self {
        for &router in routers {
            change(&mut self.routers[router]);
        }
        self
    }
}

pub(crate) fn address(index: usize) -> IpAddr {
    IpAddr::from([10, 0, (index >> 8) as u8, index as u8])
}
