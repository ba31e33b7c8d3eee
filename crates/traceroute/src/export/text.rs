//! A table of hops with their branches, for terminals.

use std::net::IpAddr;

use trigpoint_record::tables::traces::{Diamond, Findings, Hop, Node, Outcome, Run, StopReason};

use super::FLOWS_ARE_OUR_OWN;
use super::lattice::{
    Lattice, address, certainty, effort, end, method, milliseconds, mpls, remarks, shape,
};

/// A heading, and a line for each interface; those of a hop have letters, by
/// which the hop before says where it leads.
pub fn table(host: &str, target: IpAddr, run: &Run) -> String {
    let target = target.to_canonical().to_string();
    let named = if host == target { target } else { format!("{host} ({target})") };
    let from = run.source.map(|source| format!(" from {}", source.to_canonical()));
    let lattice = Lattice::of(run);
    let mut rows =
        vec![["hop", "", "address", "min RTT", "answers", "next", ""].map(str::to_owned)];
    for hop in lattice.hops() {
        rows.extend(lattice.nodes(hop.ttl).map(|node| row(&lattice, hop, node)));
    }
    let heading = format!("Paths to {named}{}: {}\n", from.unwrap_or_default(), method(run));
    heading + &aligned(&rows)
}

/// How far a trace is that runs.
pub fn progress(run: &Run) -> String {
    format!("{} …\n", effort(run))
}

/// What was found, why it ended, and what it cost.
pub fn summary(findings: &Findings) -> String {
    let target = findings.target.to_canonical();
    let Some(run) = findings.run.as_deref() else {
        let reason = findings.outcome_detail.as_deref().unwrap_or(findings.outcome.name());
        return format!("{reason}\n");
    };
    let mut lines = vec![ending(target, findings, run)];
    lines.extend(run.diamonds.iter().map(diamond));
    let certainty = certainty(run).map(|certainty| format!("; {certainty}"));
    lines.push(format!("{}{}.", effort(run), certainty.unwrap_or_default()));
    lines.push(FLOWS_ARE_OUR_OWN.to_owned());
    lines.join("\n") + "\n"
}

fn ending(target: IpAddr, findings: &Findings, run: &Run) -> String {
    if findings.outcome == Outcome::Interrupted {
        return "Interrupted: this is what was found until then.".to_owned();
    }
    if let Some(detail) = &findings.outcome_detail {
        return format!("Ended early: {detail}.");
    }
    let answers = if run.reaches_target { "answers" } else { "does not answer" };
    let reason = match run.stop_reason {
        Some(StopReason::Completed) => return format!("Every path leads to {target}."),
        Some(StopReason::GapLimit) => {
            let last = run.hops.last().map_or(0, |hop| hop.ttl);
            if run.reaches_target {
                "a branch ends in silence".to_owned()
            } else {
                format!("nothing does beyond hop {last}")
            }
        }
        Some(StopReason::Unreachable) => "a router says that it cannot be reached".to_owned(),
        Some(StopReason::Loop) => "a path comes back to where it had been".to_owned(),
        Some(StopReason::HopLimit) => format!("paths are longer than {} hops", run.limits.max_ttl),
        Some(StopReason::ProbeBudget) => {
            format!("the trace ended after its {} probes", run.limits.max_probes)
        }
        Some(StopReason::TimeBudget) => "the trace ended after its time".to_owned(),
        Some(StopReason::Unstable) => "the path changed again and again".to_owned(),
        None => "the trace did not come to its end".to_owned(),
    };
    format!("{target} {answers}: {reason}.")
}

fn diamond(diamond: &Diamond) -> String {
    let from = match diamond.divergence_ttl {
        0 => "the source".to_owned(),
        ttl => format!("hop {ttl}"),
    };
    let to = diamond.convergence_ttl.map_or("the end".to_owned(), |ttl| format!("hop {ttl}"));
    format!("Diamond from {from} to {to}: {}.", shape(diamond))
}

fn row(lattice: &Lattice<'_>, hop: &Hop, node: &Node) -> [String; 7] {
    let is_first = node.node == 0;
    let is_wide = |ttl: u8| lattice.nodes(ttl).nth(1).is_some();
    let mut next: Vec<_> =
        lattice.links_from(node.ttl, node.node).map(|link| link.to_node).collect();
    next.sort_unstable();
    let next = next.into_iter().map(|to| format!("{}{}", hop.ttl + 1, letter(to)));
    let mut notes: Vec<_> = end(node).into_iter().chain(mpls(node)).collect();
    if node.is_per_packet_balancer {
        notes.push("balances per packet".to_owned());
    }
    if is_first {
        notes.extend(remarks(hop));
    }
    [
        if is_first { hop.ttl.to_string() } else { String::new() },
        if is_wide(hop.ttl) { letter(node.node) } else { String::new() },
        address(node),
        lattice.min_rtt_us(node).map(milliseconds).unwrap_or_default(),
        if is_first { format!("{}/{}", hop.replies, hop.probes) } else { String::new() },
        if is_wide(hop.ttl + 1) { next.collect::<Vec<_>>().join(" ") } else { String::new() },
        notes.join(", "),
    ]
}

/// a to z, then aa and so on.
fn letter(mut number: u64) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'a' + (number % 26) as u8));
        match (number / 26).checked_sub(1) {
            Some(rest) => number = rest,
            None => return letters.iter().rev().collect(),
        }
    }
}

/// Columns as wide as they need to be, and none with nothing below its heading;
/// figures and hops to the right.
fn aligned(rows: &[[String; 7]]) -> String {
    let width = |column: usize| {
        let is_empty = rows.iter().skip(1).all(|row| row[column].is_empty());
        let widest = rows.iter().map(|row| row[column].chars().count()).max();
        widest.filter(|_| !is_empty).unwrap_or(0)
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().filter(|(_, (_, width))| *width > 0);
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 3 | 4 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text += line.trim_end();
        text.push('\n');
    }
    text
}
