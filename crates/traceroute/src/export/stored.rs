//! A row of table `traces` read back, from the JSON in which queries answer.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::DateTime;
use serde_json::Value;
use trigpoint_record::tables::traces::{
    Algorithm, Answer, BranchEnd, Diamond, Findings, Hop, Limits, Link, Match, Node, Outcome,
    Probe, Protocol, Purpose, Receiver, Reply, Rtt, Run, Scope, StopReason,
};

/// A column without a value that it could have.
#[derive(Debug, thiserror::Error)]
#[error("this is no trace that this version can read: it has no valid `{0}`")]
pub struct ReadError(&'static str);

/// What is known of the paths to the client of a row.
pub fn read(row: &Value) -> Result<Findings, ReadError> {
    let row = Row(row);
    Ok(Findings {
        target: row.ip("target_ip")?,
        outcome: row.word("outcome", Outcome::ALL, Outcome::name)?,
        outcome_detail: row.text("outcome_detail").map(str::to_owned),
        run: if row.has("algorithm") { Some(Arc::new(run(row)?)) } else { None },
    })
}

fn run(row: Row<'_>) -> Result<Run, ReadError> {
    Ok(Run {
        source: row.ip("source_ip").ok(),
        protocol: row.word("protocol", Protocol::ALL, Protocol::name)?,
        destination_port: row.number("destination_port").ok(),
        probe_bytes: row.number("probe_bytes").ok(),
        receiver: row.word("receiver", Receiver::ALL, Receiver::name)?,
        algorithm: row.word("algorithm", Algorithm::ALL, Algorithm::name)?,
        failure_probability: row.float("failure_probability")?,
        failure_probability_scope: row.word(
            "failure_probability_scope",
            Scope::ALL,
            Scope::name,
        )?,
        limits: Limits {
            max_probes: row.number("max_probes")?,
            max_ttl: row.number("max_ttl")?,
            gap_limit: row.number("gap_limit")?,
            attempts: row.number("attempts")?,
            reply_timeout_ms: row.number("reply_timeout_ms")?,
        },
        start_time: row.time("start_time")?,
        end_time: row.time("end_time")?,
        elapsed_us: row.number("elapsed_us")?,
        stop_reason: row.word("stop_reason", StopReason::ALL, StopReason::name).ok(),
        reaches_target: row.flag("reaches_target")?,
        confidence: row.float("confidence")?,
        path_changes: row.number("path_changes")?,
        ignored_replies: row.number("ignored_replies")?,
        hops: row.list("hops").map(hop).collect::<Result<_, _>>()?,
        nodes: row.list("nodes").map(node).collect::<Result<_, _>>()?,
        links: row.list("links").map(link).collect::<Result<_, _>>()?,
        diamonds: row.list("diamonds").map(diamond).collect::<Result<_, _>>()?,
        probes: row.list("probes").map(probe).collect::<Result<_, _>>()?,
    })
}

fn hop(row: Row<'_>) -> Result<Hop, ReadError> {
    Ok(Hop {
        ttl: row.number("ttl")?,
        probes: row.number("probes")?,
        replies: row.number("replies")?,
        is_rate_limited: row.flag("is_rate_limited")?,
        probes_per_s: row.float("probes_per_s")?,
        loss: row.float("loss_share").ok(),
        is_per_packet: row.flag("is_per_packet")?,
    })
}

fn node(row: Row<'_>) -> Result<Node, ReadError> {
    Ok(Node {
        ttl: row.number("ttl")?,
        node: row.number("node")?,
        ip: row.ip("ip").ok(),
        flows: row.numbers("flows")?,
        end: match row.text("branch_end") {
            None => None,
            Some("target") => Some(BranchEnd::Target),
            Some("unreachable") => Some(BranchEnd::Unreachable(row.number("unreachable_code")?)),
            Some("loop") => Some(BranchEnd::Loop),
            Some("silence") => Some(BranchEnd::Silence),
            Some(_) => return Err(ReadError("branch_end")),
        },
        mpls: row.numbers("mpls_labels")?,
        is_per_packet_balancer: row.flag("is_per_packet_balancer")?,
    })
}

fn link(row: Row<'_>) -> Result<Link, ReadError> {
    Ok(Link {
        ttl: row.number("ttl")?,
        from_node: row.number("from_node")?,
        to_node: row.number("to_node")?,
        flows: row.numbers("flows")?,
    })
}

fn diamond(row: Row<'_>) -> Result<Diamond, ReadError> {
    Ok(Diamond {
        divergence_ttl: row.number("divergence_ttl")?,
        convergence_ttl: row.number("convergence_ttl").ok(),
        width: row.number("width")?,
        length: row.number("length")?,
        is_meshed: row.flag("is_meshed")?,
        width_asymmetry: row.number("width_asymmetry")?,
        has_node_control: row.flag("has_node_control")?,
        is_per_packet: row.flag("is_per_packet")?,
        confidence: row.float("confidence")?,
    })
}

fn probe(row: Row<'_>) -> Result<Probe, ReadError> {
    Ok(Probe {
        ttl: row.number("ttl")?,
        flow: row.number("flow")?,
        purpose: row.word("purpose", Purpose::ALL, Purpose::name)?,
        source_port: row.number("source_port").ok(),
        sent_time: row.time("sent_time")?,
        was_lost: row.flag("was_lost")?,
        is_outdated: row.flag("is_outdated")?,
        reply: if row.has("reply_ip") { Some(reply(row)?) } else { None },
    })
}

fn reply(row: Row<'_>) -> Result<Reply, ReadError> {
    Ok(Reply {
        ip: row.ip("reply_ip")?,
        answer: match row.text("reply") {
            Some("time_exceeded") => Answer::TimeExceeded,
            Some("unreachable") => Answer::Unreachable(row.number("icmp_code")?),
            Some("other_error") => {
                Answer::OtherError(row.number("icmp_type")?, row.number("icmp_code")?)
            }
            Some("target") => Answer::Target,
            _ => return Err(ReadError("reply")),
        },
        matched: row.word("match", Match::ALL, Match::name)?,
        rtt: match row.text("rtt_from") {
            Some("kernel") => Rtt::Kernel(row.number("rtt_us")?),
            Some("clock_stepped") => Rtt::ClockStepped,
            Some("unstamped") => Rtt::Unstamped,
            _ => return Err(ReadError("rtt_from")),
        },
        elapsed_us: row.number("reply_elapsed_us")?,
        ttl: row.number("reply_ttl").ok(),
        tos: row.number("reply_tos").ok(),
        ip_id: row.number("reply_ip_id").ok(),
        quoted_ttl: row.number("quoted_ttl").ok(),
        quoted_tos: row.number("quoted_tos").ok(),
        quoted_ip_id: row.number("quoted_ip_id").ok(),
    })
}

/// An object of which columns are asked.
#[derive(Clone, Copy)]
struct Row<'a>(&'a Value);

impl<'a> Row<'a> {
    fn has(self, name: &str) -> bool {
        !self.0[name].is_null()
    }

    fn text(self, name: &str) -> Option<&'a str> {
        self.0[name].as_str()
    }

    fn ip(self, name: &'static str) -> Result<IpAddr, ReadError> {
        self.text(name).and_then(|text| text.parse().ok()).ok_or(ReadError(name))
    }

    fn number<T: TryFrom<u64>>(self, name: &'static str) -> Result<T, ReadError> {
        number(&self.0[name]).ok_or(ReadError(name))
    }

    fn float(self, name: &'static str) -> Result<f64, ReadError> {
        self.0[name].as_f64().ok_or(ReadError(name))
    }

    fn flag(self, name: &'static str) -> Result<bool, ReadError> {
        self.0[name].as_bool().ok_or(ReadError(name))
    }

    fn time(self, name: &'static str) -> Result<i64, ReadError> {
        let time = self.text(name).and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        time.map(|time| time.timestamp_micros()).ok_or(ReadError(name))
    }

    fn word<T: Copy>(
        self,
        name: &'static str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Result<T, ReadError> {
        let text = self.text(name).ok_or(ReadError(name))?;
        all.iter().copied().find(|known| word(*known) == text).ok_or(ReadError(name))
    }

    fn list(self, name: &str) -> impl Iterator<Item = Row<'a>> + use<'a> {
        self.0[name].as_array().into_iter().flatten().map(Row)
    }

    fn numbers<T: TryFrom<u64>>(self, name: &'static str) -> Result<Vec<T>, ReadError> {
        self.list(name).map(|item| number(item.0).ok_or(ReadError(name))).collect()
    }
}

fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    value.as_u64().and_then(|number| T::try_from(number).ok())
}
