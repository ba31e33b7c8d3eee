//! A picture of the lattice: hops as columns from left to right.
//!
//! One file without fonts, scripts or references; readable on light and on dark,
//! as the reader's settings ask for.

use std::fmt::Write as _;
use std::net::IpAddr;

use trigpoint_record::tables::traces::{BranchEnd, Diamond, Hop, Node, Run};

use super::FLOWS_ARE_OUR_OWN;
use super::dot::{flows, unknown_links};
use super::lattice::{Lattice, address, certainty, effort, end, method, remarks, shape};

mod layout;
mod style;

use layout::{Layout, Place};

/// The whole file.
pub fn svg(target: IpAddr, run: &Run) -> String {
    let picture = Picture { lattice: Lattice::of(run), layout: Layout::of(&Lattice::of(run)) };
    picture.draw(target)
}

struct Picture<'a> {
    lattice: Lattice<'a>,
    layout: Layout,
}

impl Picture<'_> {
    fn draw(&self, target: IpAddr) -> String {
        let (run, target) = (self.lattice.run, target.to_canonical());
        let (width, height) = (self.layout.width, self.layout.height);
        let title = format!("Paths to {target}");
        let how = [Some(method(run)), Some(effort(run)), certainty(run)];
        let how = how.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" data-flow-is-test=\"false\">\n\
             <title>{title}</title>\n<desc>{how}. {FLOWS_ARE_OUR_OWN}</desc>\n\
             <style>{}</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n\
             <text class=\"title\" x=\"{left}\" y=\"34\">{title}</text>\n\
             <text class=\"muted\" x=\"{left}\" y=\"56\">{how}</text>\n\
             <text class=\"muted\" x=\"{left}\" y=\"{}\">{FLOWS_ARE_OUR_OWN}</text>\n",
            style::STYLE,
            height - 18,
            left = layout::MARGIN,
        );
        for diamond in &run.diamonds {
            self.diamond(&mut svg, diamond);
        }
        self.links(&mut svg);
        for hop in self.lattice.hops() {
            self.hop(&mut svg, hop);
        }
        self.source(&mut svg);
        svg + "</svg>\n"
    }

    /// The area between the hops where the paths part and where they are together
    /// again.
    fn diamond(&self, svg: &mut String, diamond: &Diamond) {
        let last = self.lattice.hops().last().map_or(0, |hop| hop.ttl);
        let from = self.layout.right_of(diamond.divergence_ttl) + 12;
        let to = match diamond.convergence_ttl {
            Some(ttl) => self.layout.left_of(ttl) - 12,
            None => self.layout.right_of(last) + 12,
        };
        let (top, bottom) = self.layout.band();
        let words = shape(diamond);
        let _ = writeln!(
            svg,
            "<rect class=\"diamond\" x=\"{from}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"10\"/>\n\
             <text class=\"muted small middle\" x=\"{}\" y=\"{}\">{words}</text>",
            to - from,
            bottom - top,
            i32::midpoint(from, to),
            bottom - 9,
        );
    }

    fn links(&self, svg: &mut String) {
        for link in &self.lattice.run.links {
            let to = self.lattice.node(link.ttl + 1, link.to_node);
            let from = match self.lattice.node(link.ttl, link.from_node) {
                Some(node) => self.layout.node(node),
                None => Some(self.layout.source),
            };
            if let (Some(from), Some(to)) = (from, to)
                && let Some(place) = self.layout.node(to)
            {
                let class = if to.ip.is_none() { "link silent" } else { "link" };
                curve(svg, class, from, place, &flows(&link.flows));
            }
        }
        for (from, to) in unknown_links(&self.lattice) {
            if let (Some(from), Some(to)) = (self.layout.node(from), self.layout.node(to)) {
                curve(svg, "link unknown", from, to, "which leads where is not known");
            }
        }
    }

    /// The column's heading and its interfaces.
    fn hop(&self, svg: &mut String, hop: &Hop) {
        let x = self.layout.middle_of(hop.ttl);
        let _ = writeln!(
            svg,
            "<text class=\"muted middle\" x=\"{x}\" y=\"{}\">hop {}</text>",
            layout::HEADING,
            hop.ttl,
        );
        for (line, remark) in (1..).zip(remarks(hop)) {
            let class = if hop.is_rate_limited { "warning" } else { "muted" };
            let y = layout::HEADING + 15 * line;
            let _ = writeln!(
                svg,
                "<text class=\"{class} small middle\" x=\"{x}\" y=\"{y}\">{remark}</text>"
            );
        }
        for node in self.lattice.nodes(hop.ttl) {
            if let Some(place) = self.layout.node(node) {
                self.node(svg, hop, node, place);
            }
        }
    }

    fn node(&self, svg: &mut String, hop: &Hop, node: &Node, place: Place) {
        let class = match node.end {
            Some(BranchEnd::Target) => "box target",
            _ if node.ip.is_none() => "box star",
            _ if hop.is_rate_limited => "box limited",
            _ => "box",
        };
        let mut tooltip = vec![address(node), flows(&node.flows)];
        tooltip.extend(end(node));
        let lines = layout::lines(&self.lattice, node);
        boxed(svg, class, place, &lines, &tooltip.join(", "));
    }

    fn source(&self, svg: &mut String) {
        let lines = layout::source_lines(self.lattice.run);
        boxed(svg, "box source", self.layout.source, &lines, "where the probes come from");
    }
}

/// From the right edge of one box to the left edge of another.
fn curve(svg: &mut String, class: &str, from: Place, to: Place, tooltip: &str) {
    let (x, y) = (from.x + from.width, from.y);
    let middle = i32::midpoint(x, to.x);
    let _ = writeln!(
        svg,
        "<path class=\"{class}\" d=\"M{x} {y}C{middle} {y} {middle} {} {} {}\"><title>{tooltip}</title></path>",
        to.y, to.x, to.y,
    );
}

/// A box with lines of text: the first one is the name.
fn boxed(svg: &mut String, class: &str, place: Place, lines: &[String], tooltip: &str) {
    let Place { x, y, width, height } = place;
    let _ = writeln!(
        svg,
        "<g><title>{tooltip}</title><rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"{width}\" \
         height=\"{height}\" rx=\"7\"/>",
        y - height / 2,
    );
    let first = y - (lines.len() as i32 - 1) * layout::LINE / 2 + 4;
    for (at, line) in (0..).zip(lines) {
        let class = if at == 0 { "name middle" } else { "muted small middle" };
        let _ = writeln!(
            svg,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{line}</text>",
            x + width / 2,
            first + at * layout::LINE,
        );
    }
    svg.push_str("</g>\n");
}
