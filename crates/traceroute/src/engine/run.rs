//! From what a trace knows to what is stored of it.

use std::net::IpAddr;
use std::time::Duration;

use trigpoint_multipath::{End, FailureProbability, Path, ProbeRecord, Strategy};
use trigpoint_prober::packet::Payload;
use trigpoint_prober::{Kind, Match, Method, Reply, Rtt};
use trigpoint_record::tables::traces::{self, Run};

use super::Settings;
use super::active::{Active, Exchanged};
use crate::clock;

/// What `active` has found up to `now`.
pub(super) fn of(active: &Active, settings: &Settings, now: Duration) -> Run {
    let path = active.trace.path();
    let (failure_probability, failure_probability_scope) = match settings.trace.failure_probability
    {
        FailureProbability::PerTrace(probability) => (probability, traces::Scope::Trace),
        FailureProbability::PerVertex(probability) => (probability, traces::Scope::Vertex),
    };
    let (protocol, destination_port) = match settings.method {
        Method::Udp { port } => (traces::Protocol::Udp, Some(port)),
        Method::Icmp => (traces::Protocol::Icmp, None),
        Method::Tcp { port } => (traces::Protocol::Tcp, Some(port)),
    };
    Run {
        source: active.probes.iter().find_map(|probe| probe.source).map(|source| source.ip()),
        protocol,
        destination_port,
        probe_bytes: probe_bytes(active.asked.target, settings),
        receiver: if settings.prober.raw {
            traces::Receiver::Raw
        } else {
            traces::Receiver::ErrorQueue
        },
        algorithm: match settings.trace.strategy {
            Strategy::Mda => traces::Algorithm::Mda,
            Strategy::MdaLite => traces::Algorithm::MdaLite,
            Strategy::SinglePath => traces::Algorithm::Paris,
        },
        failure_probability,
        failure_probability_scope,
        limits: traces::Limits {
            max_probes: settings.trace.max_probes.into(),
            max_ttl: settings.trace.max_ttl.into(),
            gap_limit: settings.trace.gap_limit.into(),
            attempts: settings.trace.attempts.into(),
            reply_timeout_ms: settings.trace.reply_timeout.as_millis() as u64,
        },
        start_time: active.start_time,
        end_time: clock::unix_us(),
        elapsed_us: now.saturating_sub(active.start).as_micros() as u64,
        stop_reason: path.stop.map(stop_reason),
        reaches_target: path.reaches_destination,
        confidence: path.confidence,
        path_changes: path.path_changes.into(),
        ignored_replies: path.ignored_replies.into(),
        hops: path.hops.iter().map(hop).collect(),
        nodes: nodes(&path),
        links: path.edges.iter().map(link).collect(),
        diamonds: path.diamonds.iter().map(diamond).collect(),
        probes: path.probes.iter().zip(&active.probes).map(probe).collect(),
    }
}

fn probe_bytes(target: IpAddr, settings: &Settings) -> Option<u16> {
    let ip = if target.to_canonical().is_ipv4() { 20 } else { 40 };
    match settings.method {
        // The headers of UDP and of an echo request are of the same length.
        Method::Udp { .. } | Method::Icmp => {
            Some(ip + 8 + Payload::new(&settings.prober.contact).length() as u16)
        }
        Method::Tcp { .. } => None,
    }
}

fn stop_reason(reason: trigpoint_multipath::StopReason) -> traces::StopReason {
    use trigpoint_multipath::StopReason as Reason;
    match reason {
        Reason::Completed => traces::StopReason::Completed,
        Reason::GapLimit => traces::StopReason::GapLimit,
        Reason::Unreachable => traces::StopReason::Unreachable,
        Reason::Loop => traces::StopReason::Loop,
        Reason::HopLimit => traces::StopReason::HopLimit,
        Reason::ProbeBudget => traces::StopReason::ProbeBudget,
        Reason::TimeBudget => traces::StopReason::TimeBudget,
        Reason::Unstable => traces::StopReason::Unstable,
    }
}

fn hop(hop: &trigpoint_multipath::Hop) -> traces::Hop {
    traces::Hop {
        ttl: hop.ttl,
        probes: hop.probes.into(),
        replies: hop.replies.into(),
        is_rate_limited: hop.is_rate_limited,
        probes_per_s: hop.rate_per_s,
        loss: hop.loss,
        is_per_packet: hop.is_per_packet,
    }
}

fn nodes(path: &Path) -> Vec<traces::Node> {
    let vertices = path
        .hops
        .iter()
        .flat_map(|hop| (0..).zip(&hop.vertices).map(|(node, vertex)| (hop.ttl, node, vertex)));
    vertices
        .map(|(ttl, node, vertex)| traces::Node {
            ttl,
            node,
            ip: vertex.address,
            flows: vertex.flows.iter().map(|flow| flow.0).collect(),
            end: vertex.end.map(|end| match end {
                End::Destination => traces::BranchEnd::Target,
                End::Unreachable(code) => traces::BranchEnd::Unreachable(code),
                End::Loop => traces::BranchEnd::Loop,
                End::Silence => traces::BranchEnd::Silence,
            }),
            mpls: vertex.labels.iter().copied().map(label_stack_entry).collect(),
            is_per_packet_balancer: vertex.is_per_packet_balancer,
        })
        .collect()
}

/// As it was on the wire (RFC 3032 section 2.1).
fn label_stack_entry(label: trigpoint_multipath::MplsLabel) -> u32 {
    label.label << 12
        | u32::from(label.traffic_class) << 9
        | u32::from(label.is_bottom) << 8
        | u32::from(label.ttl)
}

fn link(edge: &trigpoint_multipath::Edge) -> traces::Link {
    traces::Link {
        ttl: edge.ttl,
        from_node: edge.from as u64,
        to_node: edge.to as u64,
        flows: edge.flows.iter().map(|flow| flow.0).collect(),
    }
}

fn diamond(diamond: &trigpoint_multipath::Diamond) -> traces::Diamond {
    traces::Diamond {
        divergence_ttl: diamond.divergence_ttl,
        convergence_ttl: diamond.convergence_ttl,
        width: diamond.width.into(),
        length: diamond.length.into(),
        is_meshed: diamond.is_meshed,
        width_asymmetry: diamond.width_asymmetry.into(),
        has_node_control: diamond.has_node_control,
        is_per_packet: diamond.is_per_packet,
        confidence: diamond.confidence,
    }
}

fn probe((probe, exchanged): (&ProbeRecord, &Exchanged)) -> traces::Probe {
    use trigpoint_multipath::Purpose;
    traces::Probe {
        ttl: probe.ttl,
        flow: probe.flow.0,
        purpose: match probe.purpose {
            Purpose::Discovery => traces::Purpose::Discovery,
            Purpose::PerPacketTest => traces::Purpose::PerPacketTest,
            Purpose::PathCheck => traces::Purpose::PathCheck,
        },
        source_port: exchanged.source.map(|source| source.port()),
        sent_time: exchanged.sent_time,
        was_lost: probe.was_lost,
        is_outdated: probe.is_outdated,
        reply: exchanged.reply.as_ref().map(reply),
    }
}

fn reply(reply: &Reply) -> traces::Reply {
    traces::Reply {
        ip: reply.responder,
        answer: match reply.kind {
            Kind::TimeExceeded => traces::Answer::TimeExceeded,
            Kind::Unreachable { code } => traces::Answer::Unreachable(code),
            Kind::OtherError { icmp_type, code } => traces::Answer::OtherError(icmp_type, code),
            Kind::Destination => traces::Answer::Target,
        },
        matched: match reply.matched {
            Match::Nonce => traces::Match::Nonce,
            Match::PortOnly => traces::Match::PortOnly,
        },
        rtt: match reply.timing.rtt {
            Rtt::Kernel(rtt) => traces::Rtt::Kernel(rtt.as_micros() as u64),
            Rtt::ClockStepped => traces::Rtt::ClockStepped,
            Rtt::Unstamped => traces::Rtt::Unstamped,
        },
        elapsed_us: reply.timing.elapsed.as_micros() as u64,
        ttl: reply.outer.ttl,
        tos: reply.outer.tos,
        ip_id: reply.outer.ip_id,
        quoted_ttl: reply.quoted.ttl,
        quoted_tos: reply.quoted.tos,
        quoted_ip_id: reply.quoted.ip_id,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trigpoint_prober::{Outer, Probe, Quoted, Timing, TraceId};

    use super::*;

    fn stored(rtt: Rtt) -> traces::Rtt {
        let elapsed = Duration::from_millis(20);
        let told = Reply {
            trace: TraceId(1),
            probe: Probe { ttl: 1, flow: 0, id: 0 },
            responder: "192.0.2.1".parse().unwrap(),
            kind: Kind::TimeExceeded,
            matched: Match::Nonce,
            timing: Timing { transmitted_ns: None, received_ns: None, elapsed, rtt },
            outer: Outer::default(),
            quoted: Quoted::default(),
            mpls: Vec::new(),
        };
        reply(&told).rtt
    }

    #[test]
    fn a_round_trip_over_a_step_of_the_clock_is_none() {
        assert_eq!(stored(Rtt::ClockStepped), traces::Rtt::ClockStepped);
        assert_eq!(stored(Rtt::Unstamped), traces::Rtt::Unstamped);
        let measured = Rtt::Kernel(Duration::from_micros(1500));
        assert_eq!(stored(measured), traces::Rtt::Kernel(1500));
    }
}
