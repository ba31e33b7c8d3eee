//! `traces`: one row per connection for whose client the paths were looked for,
//! or were not, with the reason.

use std::net::IpAddr;
use std::sync::Arc;

use crate::cell::{Cell, columns, concat, list, total, values};
use crate::tables::annotation;
use crate::{Column, FlowId, Kind, STATION_COLUMNS, Station, Table, TraceId, Value};

mod path;
mod probe;
mod words;

pub use path::{BranchEnd, Diamond, Hop, Link, Node};
pub use probe::{Answer, Probe, Reply, Rtt};
pub use words::{
    Algorithm, Match, Outcome, Protocol, Purpose, Receiver, Scope, StopReason, Trigger,
};

/// What became of the wish to trace the client of one connection.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The connection.
    pub flow_id: FlowId,
    /// When the connection was first seen, microseconds since the Unix epoch.
    pub opened_time: i64,
    /// Its own name.
    pub trace_id: TraceId,
    /// The test that the connection carried; none for any other connection.
    pub test_id: Option<String>,
    /// What it was to be traced at.
    pub trigger: Trigger,
    /// The earlier trace that is repeated here.
    pub cached: Option<Origin>,
    /// What is known of the paths to the client.
    pub findings: Findings,
}

/// What is known of the paths to an address, whoever wanted to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// The address.
    pub target: IpAddr,
    /// What became of the wish to trace it.
    pub outcome: Outcome,
    /// What exactly went wrong or was in the way.
    pub outcome_detail: Option<String>,
    /// The trace; none where nothing was sent.
    pub run: Option<Arc<Run>>,
}

/// An earlier trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its name.
    pub trace_id: TraceId,
    /// The connection that it was made for.
    pub flow_id: FlowId,
}

/// A trace as it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The address that probes were sent from.
    pub source: Option<IpAddr>,
    /// What probes were.
    pub protocol: Protocol,
    /// Port that they were sent to; none of ICMP.
    pub destination_port: Option<u16>,
    /// Bytes of each, IP header included; none of TCP, whose SYN the kernel makes.
    pub probe_bytes: Option<u16>,
    /// How answers were received.
    pub receiver: Receiver,
    /// How the paths were looked for.
    pub algorithm: Algorithm,
    /// How likely it may be to miss something.
    pub failure_probability: f64,
    /// Of what.
    pub failure_probability_scope: Scope,
    /// Bounds.
    pub limits: Limits,
    /// When it began, microseconds since the Unix epoch.
    pub start_time: i64,
    /// When it was over, microseconds since the Unix epoch.
    pub end_time: i64,
    /// From start to end, by the monotonic clock.
    pub elapsed_us: u64,
    /// Why it ended; none when it was interrupted.
    pub stop_reason: Option<StopReason>,
    /// Whether the client answered.
    pub reaches_target: bool,
    /// Probability that nothing is missing, if all balancers are uniform.
    pub confidence: f64,
    /// How often the path changed meanwhile.
    pub path_changes: u64,
    /// Answers that were not taken.
    pub ignored_replies: u64,
    /// By time to live.
    pub hops: Vec<Hop>,
    /// The vertices of the graph.
    pub nodes: Vec<Node>,
    /// The edges of the graph.
    pub links: Vec<Link>,
    /// Where the paths part and come together.
    pub diamonds: Vec<Diamond>,
    /// All that was sent, in order, with its answers.
    pub probes: Vec<Probe>,
}

/// What a trace may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Probes, at most.
    pub max_probes: u64,
    /// Time to live, at most.
    pub max_ttl: u64,
    /// A branch ends after so many silent hops in a row.
    pub gap_limit: u64,
    /// How often a probe is sent before its silence counts.
    pub attempts: u64,
    /// When a probe is taken for lost.
    pub reply_timeout_ms: u64,
}

const HOP_ITEM: Column = Column::new(1, "item", Kind::Struct(&columns(path::HOP)), "", "One hop.");
const NODE_ITEM: Column =
    Column::new(1, "item", Kind::Struct(&columns(path::NODE)), "", "One interface.");
const LINK_ITEM: Column =
    Column::new(1, "item", Kind::Struct(&columns(path::LINK)), "", "One link.");
const DIAMOND_ITEM: Column =
    Column::new(1, "item", Kind::Struct(&columns(path::DIAMOND)), "", "One diamond.");
const PROBE_ITEM: Column = Column::new(1, "item", Kind::Struct(PROBE_COLUMNS), "", "One probe.");
const PROBE_PARTS: &[&[Column]] = &[&columns(probe::CELLS), annotation::HOP];
const PROBE_COLUMNS: &[Column] = &concat::<{ total(PROBE_PARTS) }>(PROBE_PARTS);

const CONNECTION: &[Cell<Trace>; 5] = &[
    Cell::new(
        1,
        "flow_id",
        Kind::Text,
        "",
        "Connection (M-Lab's UUID) whose client was to be traced: joins with speed_tests, flows and snapshots.",
        |row| row.flow_id.as_str().into(),
    ),
    Cell::new(
        2,
        "opened_time",
        Kind::Time,
        "us",
        "When the connection was first seen; gives the row its date.",
        |row| Value::time(row.opened_time),
    ),
    Cell::new(3, "trace_id", Kind::Text, "", "Name of this row.", |row| {
        row.trace_id.as_str().into()
    }),
    Cell::new(
        4,
        "test_id",
        Kind::Text,
        "",
        "Test that the connection carried: joins with speed_tests; NULL for any other connection.",
        |row| row.test_id.as_deref().into(),
    ),
    Cell::new(5, "trigger", Kind::Text, "", words::TRIGGERS, |row| row.trigger.name().into()),
];

const OUTCOME: &[Cell<Findings>; 4] = &[
    Cell::new(6, "outcome", Kind::Text, "", words::OUTCOMES, |row| row.outcome.name().into()),
    Cell::with_addresses(
        7,
        "outcome_detail",
        Kind::Text,
        "",
        "What exactly went wrong or was in the way; NULL where nothing did.",
        |row| row.outcome_detail.as_deref().into(),
    ),
    Cell::with_addresses(
        8,
        "target_ip",
        Kind::Text,
        "",
        "Address of the client; IPv4 also where the kernel maps it into IPv6.",
        |row| Value::ip(row.target),
    ),
    Cell::new(9, "ip_version", Kind::Int, "", "4 or 6, of target_ip.", |row| {
        if row.target.to_canonical().is_ipv4() { 4_u16 } else { 6 }.into()
    }),
];

const ORIGIN: &[Cell<Trace>; 3] = &[
    Cell::new(
        10,
        "cached",
        Kind::Bool,
        "",
        "The trace was made for an earlier connection of the same address (IPv6: the same /64) and is repeated here.",
        |row| Value::Bool(row.cached.is_some()),
    ),
    Cell::new(
        11,
        "cached_trace_id",
        Kind::Text,
        "",
        "trace_id of the trace that is repeated; NULL where cached is false.",
        |row| row.cached.as_ref().map(|origin| origin.trace_id.as_str()).into(),
    ),
    Cell::new(
        12,
        "cached_flow_id",
        Kind::Text,
        "",
        "Connection that the repeated trace was made for; NULL where cached is false.",
        |row| row.cached.as_ref().map(|origin| origin.flow_id.as_str()).into(),
    ),
];

const RUN: &[Cell<Findings>; 32] = &[
    Cell::new(
        13,
        "flow_is_test",
        Kind::Bool,
        "",
        "Whether the probes belonged to the test's own flow: never, so a balancer may have sent the test along any of the paths.",
        |row| row.run(|_| Value::Bool(false)),
    ),
    Cell::new(14, "source_ip", Kind::Text, "", "Address that the probes were sent from.", |row| {
        row.run(|run| run.source.map_or(Value::Null, Value::ip))
    }),
    Cell::new(15, "protocol", Kind::Text, "", "What the probes were: udp, icmp, tcp.", |row| {
        row.run(|run| run.protocol.name().into())
    }),
    Cell::new(
        16,
        "destination_port",
        Kind::Int,
        "",
        "Port that the probes were sent to, the same for all flows; NULL for icmp.",
        |row| row.run(|run| run.destination_port.into()),
    ),
    Cell::new(17, "receiver", Kind::Text, "", words::RECEIVERS, |row| {
        row.run(|run| run.receiver.name().into())
    }),
    Cell::new(18, "algorithm", Kind::Text, "", words::ALGORITHMS, |row| {
        row.run(|run| run.algorithm.name().into())
    }),
    Cell::new(
        19,
        "failure_probability",
        Kind::Float,
        "",
        "How likely the trace may be to miss something, 0 to 1, as it was asked for.",
        |row| row.run(|run| run.failure_probability.into()),
    ),
    Cell::new(20, "failure_probability_scope", Kind::Text, "", words::SCOPES, |row| {
        row.run(|run| run.failure_probability_scope.name().into())
    }),
    Cell::new(21, "max_probes", Kind::Int, "count", "Bound on the number of probes.", |row| {
        row.run(|run| run.limits.max_probes.into())
    }),
    Cell::new(22, "max_ttl", Kind::Int, "", "Bound on the time to live.", |row| {
        row.run(|run| run.limits.max_ttl.into())
    }),
    Cell::new(
        23,
        "gap_limit",
        Kind::Int,
        "count",
        "Silent hops in a row after which a branch ends.",
        |row| row.run(|run| run.limits.gap_limit.into()),
    ),
    Cell::new(
        24,
        "attempts",
        Kind::Int,
        "count",
        "How often a probe is sent before its silence counts.",
        |row| row.run(|run| run.limits.attempts.into()),
    ),
    Cell::new(
        25,
        "reply_timeout_ms",
        Kind::Int,
        "ms",
        "When a probe without an answer is taken for lost.",
        |row| row.run(|run| run.limits.reply_timeout_ms.into()),
    ),
    Cell::new(26, "start_time", Kind::Time, "us", "When the trace began.", |row| {
        row.run(|run| Value::time(run.start_time))
    }),
    Cell::new(27, "end_time", Kind::Time, "us", "When the trace was over.", |row| {
        row.run(|run| Value::time(run.end_time))
    }),
    Cell::new(
        28,
        "elapsed_us",
        Kind::Int,
        "us",
        "From start to end, by the monotonic clock.",
        |row| row.run(|run| run.elapsed_us.into()),
    ),
    Cell::new(29, "stop_reason", Kind::Text, "", words::STOP_REASONS, |row| {
        row.run(|run| run.stop_reason.map(StopReason::name).into())
    }),
    Cell::new(30, "reaches_target", Kind::Bool, "", "Whether the client answered.", |row| {
        row.run(|run| Value::Bool(run.reaches_target))
    }),
    Cell::new(
        31,
        "confidence",
        Kind::Float,
        "",
        "Probability that no interface and no link before the last hop is missing, 0 to 1, if all balancers are uniform.",
        |row| row.run(|run| run.confidence.into()),
    ),
    Cell::new(
        32,
        "path_changes",
        Kind::Int,
        "count",
        "How often the path changed during the trace; the graph is of the last one.",
        |row| row.run(|run| run.path_changes.into()),
    ),
    Cell::new(
        33,
        "ignored_replies",
        Kind::Int,
        "count",
        "Answers that were not taken: to no probe of the trace, or to one that had its answer.",
        |row| row.run(|run| run.ignored_replies.into()),
    ),
    Cell::new(34, "probe_count", Kind::Int, "count", "Length of probes.", |row| {
        row.run(|run| (run.probes.len() as u64).into())
    }),
    Cell::new(35, "reply_count", Kind::Int, "count", "Probes that were answered.", |row| {
        row.run(|run| (run.probes.iter().filter(|it| it.reply.is_some()).count() as u64).into())
    }),
    Cell::new(36, "node_count", Kind::Int, "count", "Length of nodes.", |row| {
        row.run(|run| (run.nodes.len() as u64).into())
    }),
    Cell::new(37, "link_count", Kind::Int, "count", "Length of links.", |row| {
        row.run(|run| (run.links.len() as u64).into())
    }),
    Cell::new(
        38,
        "hops",
        Kind::List(&HOP_ITEM),
        "",
        "What was seen at each time to live, without silent hops at the end.",
        |row| row.run(|run| list(path::HOP, &run.hops)),
    ),
    Cell::new(
        39,
        "nodes",
        Kind::List(&NODE_ITEM),
        "",
        "Interfaces by time to live: the vertices of the graph.",
        |row| row.run(|run| list(path::NODE, &run.nodes)),
    ),
    Cell::new(
        40,
        "links",
        Kind::List(&LINK_ITEM),
        "",
        "Links between interfaces of neighbouring hops, with the flows that take them: the edges of the graph.",
        |row| row.run(|run| list(path::LINK, &run.links)),
    ),
    Cell::new(
        41,
        "diamonds",
        Kind::List(&DIAMOND_ITEM),
        "",
        "Where the paths part and come together.",
        |row| row.run(|run| list(path::DIAMOND, &run.diamonds)),
    ),
    Cell::new(
        42,
        "probes",
        Kind::List(&PROBE_ITEM),
        "",
        "Every probe that was sent, in order, with its answer.",
        |row| row.run(|run| probes(&run.probes)),
    ),
    Cell::new(
        43,
        "schema_version",
        Kind::Int,
        "",
        "Version of the tables that the station wrote.",
        |_| crate::SCHEMA_VERSION.into(),
    ),
    Cell::new(
        44,
        "probe_bytes",
        Kind::Int,
        "bytes",
        "Length of each probe, IP header included; NULL for tcp, whose SYN the kernel makes.",
        |row| row.run(|run| run.probe_bytes.into()),
    ),
];

fn probes(probes: &[Probe]) -> Value {
    let probe = |probe| {
        Value::Struct(values(probe::CELLS, probe).chain(annotation::hop_unfilled()).collect())
    };
    Value::List(probes.iter().map(probe).collect())
}

const PARTS: &[&[Column]] = &[
    &columns(CONNECTION),
    &columns(OUTCOME),
    &columns(ORIGIN),
    &columns(RUN),
    STATION_COLUMNS,
    annotation::DATABASES,
];
const FINDINGS: &[&[Column]] = &[&columns(OUTCOME), &columns(RUN)];

/// The table.
pub static TRACES: Table = Table {
    name: "traces",
    doc: "One row per connection whose client was to be traced: all paths to it, or the reason why not.",
    columns: &concat::<{ total(PARTS) }>(PARTS),
};

impl Trace {
    /// The values of [`TRACES`].
    pub fn into_row(self, station: &Station) -> Vec<Value> {
        let found = &self.findings;
        values(CONNECTION, &self)
            .chain(values(OUTCOME, found))
            .chain(values(ORIGIN, &self))
            .chain(values(RUN, found))
            .chain(station.values())
            .chain(annotation::databases_unfilled())
            .collect()
    }
}

impl Findings {
    /// Those columns of [`TRACES`] that tell of no connection and no station.
    pub const COLUMNS: &[Column] = &concat::<{ total(FINDINGS) }>(FINDINGS);

    /// The values of [`Self::COLUMNS`].
    pub fn values(&self) -> impl Iterator<Item = Value> {
        values(OUTCOME, self).chain(values(RUN, self))
    }

    fn run(&self, value: impl FnOnce(&Run) -> Value) -> Value {
        self.run.as_deref().map_or(Value::Null, value)
    }
}
