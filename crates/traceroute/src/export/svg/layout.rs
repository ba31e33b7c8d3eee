//! Where everything is, in pixels.

use std::collections::HashMap;

use trigpoint_record::tables::traces::{BranchEnd, Node, Run};

use crate::export::lattice::{Lattice, address, end, milliseconds, mpls};

/// Around the picture.
pub(super) const MARGIN: i32 = 28;
/// Base line of the columns' headings.
pub(super) const HEADING: i32 = 96;
/// From one line of a box to the next.
pub(super) const LINE: i32 = 16;

/// Top of the lattice, below headings with two remarks.
const TOP: i32 = 142;
/// Below the lattice: the words of a diamond, and a line at the end.
const BOTTOM: i32 = 76;
/// Between columns, for links to bend.
const GAP: i32 = 76;
/// Between boxes of a column.
const SPACE: i32 = 14;
/// Of a letter in a box, where fonts differ a little.
const LETTER: f64 = 8.0;
/// The heading's lines fit.
const LEAST_WIDTH: i32 = 760;
/// Sweeps that put neighbours at like heights.
const SWEEPS: usize = 4;

/// A box: left edge, middle of its height, and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

pub(super) struct Layout {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) source: Place,
    /// Left and right edge of each column, the source's first.
    columns: Vec<(i32, i32)>,
    nodes: HashMap<(u8, u64), Place>,
}

impl Layout {
    pub(super) fn of(lattice: &Lattice<'_>) -> Self {
        let hops: Vec<Vec<&Node>> = ordered(lattice);
        let text = |node: &&Node| lines(lattice, node);
        let source = source_lines(lattice.run);
        let tallest = hops.iter().flatten().map(|node| text(node).len()).max().unwrap_or(1);
        let height = tallest.max(source.len()) as i32 * LINE + 10;
        let most = hops.iter().map(Vec::len).max().unwrap_or(1) as i32;
        let lattice_height = most * (height + SPACE) - SPACE;
        let middle = TOP + lattice_height / 2;

        let mut columns = vec![(MARGIN, MARGIN + width(&source))];
        let mut nodes = HashMap::new();
        for hop in &hops {
            let x = columns.last().map_or(MARGIN, |(_, right)| right + GAP);
            let width = hop.iter().map(|node| width(&text(node))).max().unwrap_or(0);
            let first = middle - (hop.len() as i32 - 1) * (height + SPACE) / 2;
            for (at, node) in (0..).zip(hop) {
                let y = first + at * (height + SPACE);
                // Of a silence there is nothing to read: it is small.
                let own = if node.ip.is_some() { width } else { self::width(&text(node)) };
                let place = Place { x: x + (width - own) / 2, y, width: own, height };
                nodes.insert((node.ttl, node.node), place);
            }
            columns.push((x, x + width));
        }
        let right = columns.last().map_or(0, |(_, right)| *right);
        Self {
            width: (right + MARGIN).max(LEAST_WIDTH),
            height: TOP + lattice_height + BOTTOM,
            source: Place { x: MARGIN, y: middle, width: width(&source), height },
            columns,
            nodes,
        }
    }

    pub(super) fn node(&self, node: &Node) -> Option<Place> {
        self.nodes.get(&(node.ttl, node.node)).copied()
    }

    pub(super) fn left_of(&self, ttl: u8) -> i32 {
        self.column(ttl).0
    }

    pub(super) fn right_of(&self, ttl: u8) -> i32 {
        self.column(ttl).1
    }

    pub(super) fn middle_of(&self, ttl: u8) -> i32 {
        let (left, right) = self.column(ttl);
        i32::midpoint(left, right)
    }

    /// Top and bottom of what marks a diamond.
    pub(super) fn band(&self) -> (i32, i32) {
        (TOP - 14, self.height - BOTTOM + 32)
    }

    fn column(&self, ttl: u8) -> (i32, i32) {
        self.columns.get(usize::from(ttl)).copied().unwrap_or_default()
    }
}

/// What stands in a box, the name first.
pub(super) fn lines(lattice: &Lattice<'_>, node: &Node) -> Vec<String> {
    let mut lines = vec![address(node)];
    lines.extend(lattice.min_rtt_us(node).map(milliseconds));
    lines.extend(mpls(node));
    // Its colour says that a node is the target.
    lines.extend(end(node).filter(|_| node.end != Some(BranchEnd::Target)));
    if node.is_per_packet_balancer {
        lines.push("balances per packet".to_owned());
    }
    lines
}

/// What stands in the source's box.
pub(super) fn source_lines(run: &Run) -> Vec<String> {
    let address = run.source.map(|source| source.to_canonical().to_string());
    address.into_iter().chain(["source".to_owned()]).collect()
}

fn width(lines: &[String]) -> i32 {
    let letters = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    (letters as f64 * LETTER) as i32 + 22
}

/// The interfaces of each hop from top to bottom, so that few links cross: each
/// at the mean height of those that it is linked to, in sweeps forwards and back
/// (Sugiyama et al. 1981).
fn ordered<'a>(lattice: &Lattice<'a>) -> Vec<Vec<&'a Node>> {
    let mut hops: Vec<Vec<&Node>> =
        lattice.hops().map(|hop| lattice.nodes(hop.ttl).collect()).collect();
    for sweep in 0..SWEEPS {
        let is_forwards = sweep % 2 == 0;
        for step in 1..hops.len() {
            let at = if is_forwards { step } else { hops.len() - 1 - step };
            let neighbours = if is_forwards { at - 1 } else { at + 1 };
            let height = |node: &Node| {
                let places = (0_u32..).zip(&hops[neighbours]);
                let linked = places.filter(|(_, other)| is_linked(lattice, node, other));
                let (sum, count) =
                    linked.fold((0, 0), |(sum, count), (at, _)| (sum + at, count + 1));
                (count > 0).then(|| f64::from(sum) / f64::from(count))
            };
            let mut hop: Vec<_> = hops[at].iter().map(|node| (height(node), *node)).collect();
            if hop.iter().all(|(height, _)| height.is_some()) {
                // Nodes of one height keep their order.
                hop.sort_by(|(one, _), (other, _)| {
                    one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal)
                });
                hops[at] = hop.into_iter().map(|(_, node)| node).collect();
            }
        }
    }
    hops
}

fn is_linked(lattice: &Lattice<'_>, one: &Node, other: &Node) -> bool {
    let (near, far) = if one.ttl < other.ttl { (one, other) } else { (other, one) };
    lattice.links_from(near.ttl, near.node).any(|link| link.to_node == far.node)
}
