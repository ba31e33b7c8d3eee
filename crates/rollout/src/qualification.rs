//! Whether a node can be a measurement station.
//!
//! A rule on a fact that nobody knows is not met and not unmet: the node gets no
//! station, but one that runs is not taken away for it.

use crate::{Facts, Node, OnFail, ProbeOutcome, Qualification, Reason, Virtualization, Wait};

/// Whether a node may have a station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qualified {
    /// Yes.
    Yes,
    /// It does not, or it is not known, and `onFail` says to use it all the same.
    Warned(Vec<Finding>),
    /// Its facts are being found out.
    Awaiting,
    /// They were, and what a rule asks for is not among them.
    Unknown(Vec<Finding>),
    /// No.
    No(Vec<Finding>),
}

/// Why a node does not qualify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The word.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
}

impl Qualified {
    /// What is told of a node that does not qualify.
    pub(crate) fn wait(&self) -> Option<Wait> {
        match self {
            Self::Yes => None,
            Self::Awaiting => Some(Wait::new(Reason::Probing, "its facts are being found out")),
            Self::Warned(findings) | Self::Unknown(findings) | Self::No(findings) => {
                let first = findings.first()?;
                let messages: Vec<&str> = findings.iter().map(|f| f.message.as_str()).collect();
                Some(Wait::new(first.reason, messages.join("; ")))
            }
        }
    }
}

enum Outcome {
    Met,
    Unmet(Reason, String),
    Unknown(&'static str),
}

pub(crate) fn judge(rules: &Qualification, node: &Node) -> Qualified {
    let facts = node.facts();
    let mut unmet = Vec::new();
    let mut unknown = Vec::new();
    for outcome in outcomes(rules, node, facts) {
        match outcome {
            Outcome::Met => {}
            Outcome::Unmet(reason, message) => unmet.push(Finding { reason, message }),
            Outcome::Unknown(fact) => unknown.push(Finding {
                reason: Reason::FactUnknown,
                message: format!("its {fact} is not known"),
            }),
        }
    }
    let is_warning = rules.on_fail == OnFail::Warn;
    if !unmet.is_empty() {
        return if is_warning { Qualified::Warned(unmet) } else { Qualified::No(unmet) };
    }
    if unknown.is_empty() {
        return Qualified::Yes;
    }
    if facts.is_none() {
        match probe_failure(node) {
            None if !has_finished_probe(node) => return Qualified::Awaiting,
            None => {}
            Some(message) => unknown.insert(0, Finding { reason: Reason::ProbeFailed, message }),
        }
    }
    if is_warning { Qualified::Warned(unknown) } else { Qualified::Unknown(unknown) }
}

fn has_finished_probe(node: &Node) -> bool {
    node.own_record().is_some_and(|record| {
        record.probes.values().any(|probe| probe.outcome != ProbeOutcome::Running)
    })
}

fn probe_failure(node: &Node) -> Option<String> {
    node.own_record()?.probes.values().find_map(|probe| match &probe.outcome {
        ProbeOutcome::Failed { message } => Some(format!("its probe failed: {message}")),
        _ => None,
    })
}

fn outcomes(rules: &Qualification, node: &Node, facts: Option<&Facts>) -> Vec<Outcome> {
    let mut outcomes = vec![kernel(rules, node)];
    for control in &rules.require_congestion_control {
        outcomes.push(congestion_control(control, facts));
    }
    outcomes.push(clock(rules, facts));
    outcomes.push(dual_stack(rules, facts));
    outcomes.push(virtualization(rules, facts));
    outcomes.push(link(rules, facts));
    outcomes.push(cpu(rules, facts));
    if facts.and_then(|facts| facts.keeps_client_address) == Some(false) {
        let message = "its station does not see the addresses of its clients";
        outcomes.push(Outcome::Unmet(Reason::ClientAddressRewritten, message.to_owned()));
    }
    outcomes
}

fn kernel(rules: &Qualification, node: &Node) -> Outcome {
    let Some(oldest) = &rules.min_kernel else { return Outcome::Met };
    let running = node.kernel.as_deref();
    let (Some(running), Some(parsed)) = (running, running.and_then(version)) else {
        return Outcome::Unknown("kernel version");
    };
    if version(oldest).is_some_and(|oldest| parsed >= oldest) {
        Outcome::Met
    } else {
        let message = format!("its kernel is {running}, and {oldest} is needed");
        Outcome::Unmet(Reason::KernelTooOld, message)
    }
}

/// `6.12.94+deb13-amd64` is 6.12.94.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split(['.', '-', '+', '_']).map_while(|part| part.parse::<u32>().ok());
    Some([parts.next()?, parts.next()?, parts.next().unwrap_or(0)])
}

fn congestion_control(control: &str, facts: Option<&Facts>) -> Outcome {
    match facts.and_then(|facts| facts.congestion_controls.as_ref()) {
        None => Outcome::Unknown("set of congestion controls"),
        Some(known) if known.contains(control) => Outcome::Met,
        Some(known) => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!(
                "a socket cannot choose `{control}`, only {}; load its module and list it in \
                 net.ipv4.tcp_allowed_congestion_control",
                known.join(", ")
            );
            Outcome::Unmet(Reason::CongestionControlMissing, message)
        }
    }
}

fn clock(rules: &Qualification, facts: Option<&Facts>) -> Outcome {
    let Some(most) = rules.max_clock_offset else { return Outcome::Met };
    match facts.and_then(|facts| facts.clock_offset_micros) {
        None => Outcome::Unknown("clock offset"),
        Some(offset) if u128::from(offset.unsigned_abs()) <= most.as_micros() => Outcome::Met,
        Some(offset) => {
            let message = format!("its clock is off by {offset} µs, and {most:?} is allowed");
            Outcome::Unmet(Reason::ClockOffsetTooLarge, message)
        }
    }
}

fn dual_stack(rules: &Qualification, facts: Option<&Facts>) -> Outcome {
    if !rules.require_dual_stack {
        return Outcome::Met;
    }
    let families = facts.map_or((None, None), |facts| (facts.ipv4, facts.ipv6));
    match families {
        (Some(true), Some(true)) => Outcome::Met,
        (Some(false), _) => {
            Outcome::Unmet(Reason::NotDualStack, "IPv4 does not reach its peers".to_owned())
        }
        (_, Some(false)) => {
            Outcome::Unmet(Reason::NotDualStack, "IPv6 does not reach its peers".to_owned())
        }
        _ => Outcome::Unknown("reach over IPv4 and IPv6"),
    }
}

fn virtualization(rules: &Qualification, facts: Option<&Facts>) -> Outcome {
    let allowed: &[String] = match &rules.virtualization {
        Virtualization::Any => return Outcome::Met,
        Virtualization::BareMetalOnly => &[],
        Virtualization::AllowList(list) => list,
    };
    match facts.and_then(|facts| facts.virtualization.as_deref()) {
        None => Outcome::Unknown("virtualization"),
        Some("none") => Outcome::Met,
        Some(kind) if allowed.iter().any(|allowed| allowed == kind) => Outcome::Met,
        Some(kind) => {
            let message = format!("it is virtualised by `{kind}`");
            Outcome::Unmet(Reason::VirtualizationNotAllowed, message)
        }
    }
}

fn link(rules: &Qualification, facts: Option<&Facts>) -> Outcome {
    let Some(least) = rules.min_link_mbps else { return Outcome::Met };
    match facts.and_then(|facts| facts.link_mbps) {
        None => Outcome::Unknown("link speed"),
        Some(speed) if speed >= least => Outcome::Met,
        Some(speed) => {
            let message = format!("its link has {speed} Mbit/s, and {least} are needed");
            Outcome::Unmet(Reason::LinkTooSlow, message)
        }
    }
}

fn cpu(rules: &Qualification, facts: Option<&Facts>) -> Outcome {
    if !rules.require_static_cpu {
        return Outcome::Met;
    }
    match facts.and_then(|facts| facts.cpu_manager_policy.as_deref()) {
        None => Outcome::Unknown("CPU manager policy"),
        Some("static") => Outcome::Met,
        Some(policy) => {
            let message = format!("its CPU manager has policy `{policy}`, not `static`");
            Outcome::Unmet(Reason::CpuNotStatic, message)
        }
    }
}

#[cfg(test)]
mod tests;
