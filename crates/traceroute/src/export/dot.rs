//! A trace as a graph of Graphviz.

use std::fmt::Write as _;
use std::net::IpAddr;

use trigpoint_record::tables::traces::{BranchEnd, Hop, Node, Run};

use super::FLOWS_ARE_OUR_OWN;
use super::lattice::{
    Lattice, address, certainty, effort, end, method, milliseconds, mpls, remarks,
};

/// For `dot`: hops from left to right.
pub fn dot(target: IpAddr, run: &Run) -> String {
    let lattice = Lattice::of(run);
    let mut dot = String::from("digraph trace {\n");
    let title = [
        format!("Paths to {}: {}", target.to_canonical(), method(run)),
        [Some(effort(run)), certainty(run)].into_iter().flatten().collect::<Vec<_>>().join("; "),
        FLOWS_ARE_OUR_OWN.to_owned(),
    ];
    // Writing to a string cannot fail.
    let _ = writeln!(
        dot,
        "  graph [rankdir=LR, labelloc=t, fontname=\"sans-serif\", label=\"{}\"];\n  \
         node [shape=box, style=rounded, fontname=\"monospace\", fontsize=11];\n  \
         edge [arrowsize=0.6];\n  \
         // flow_is_test = false",
        title.join("\\n")
    );
    let source = run.source.map_or("source".to_owned(), |source| source.to_canonical().to_string());
    let _ = writeln!(dot, "  source [label=\"{source}\", penwidth=2];");
    for hop in lattice.hops() {
        for node in lattice.nodes(hop.ttl) {
            let _ = writeln!(dot, "  {} [{}];", name(node), attributes(&lattice, hop, node));
        }
        let names: Vec<_> = lattice.nodes(hop.ttl).map(name).collect();
        let _ = writeln!(dot, "  {{ rank=same; {}; }}", names.join("; "));
    }
    for link in &run.links {
        let from = lattice.node(link.ttl, link.from_node).map_or("source".to_owned(), name);
        if let Some(to) = lattice.node(link.ttl + 1, link.to_node) {
            let _ = writeln!(dot, "  {from} -> {} [tooltip=\"{}\"];", name(to), flows(&link.flows));
        }
    }
    for (from, to) in unknown_links(&lattice) {
        let tooltip = "which leads where is not known";
        let _ = writeln!(
            dot,
            "  {} -> {} [style=dotted, tooltip=\"{tooltip}\"];",
            name(from),
            name(to)
        );
    }
    dot + "}\n"
}

/// From every interface to every one of the next hop, where nothing tells which
/// lead where.
pub(super) fn unknown_links<'a>(lattice: &Lattice<'a>) -> Vec<(&'a Node, &'a Node)> {
    let unknown = lattice.hops().filter(|hop| hop.ttl > 1 && !lattice.has_links_to(hop.ttl));
    unknown
        .flat_map(|hop| {
            let pairs = lattice.nodes(hop.ttl - 1).map(|from| (from, hop.ttl));
            pairs.flat_map(|(from, ttl)| lattice.nodes(ttl).map(move |to| (from, to)))
        })
        .collect()
}

/// What a tooltip says.
pub(super) fn flows(flows: &[u16]) -> String {
    let numbers: Vec<_> = flows.iter().map(ToString::to_string).collect();
    format!("flows {}", numbers.join(" "))
}

fn name(node: &Node) -> String {
    format!("hop{}_{}", node.ttl, node.node)
}

fn attributes(lattice: &Lattice<'_>, hop: &Hop, node: &Node) -> String {
    let mut lines = vec![address(node)];
    lines.extend(lattice.min_rtt_us(node).map(milliseconds));
    lines.extend(mpls(node));
    lines.extend(end(node).filter(|_| node.end != Some(BranchEnd::Target)));
    if node.is_per_packet_balancer {
        lines.push("balances per packet".to_owned());
    }
    let remarks = remarks(hop).join(", ");
    if !remarks.is_empty() && node.node == 0 {
        lines.push(format!("hop {}: {remarks}", hop.ttl));
    }
    let mut attributes = format!("label=\"{}\"", lines.join("\\n"));
    if node.ip.is_none() {
        attributes += ", style=\"rounded,dashed\"";
    }
    if node.end == Some(BranchEnd::Target) {
        attributes += ", penwidth=2";
    }
    if hop.is_rate_limited {
        attributes += ", color=\"#9a6700\"";
    }
    attributes
}
