//! `flows`: one row per TCP connection, written when its socket is gone.

use std::net::SocketAddr;

use trigpoint_tcpinfo::{FIELD_COUNT, FIELDS, TcpInfo};

use crate::cell::{Cell, columns, concat, total, values};
use crate::kernel::{self, TCP_INFO, structure_columns, tcp_info_values};
use crate::tables::annotation;
use crate::{Column, FlowId, Kind, STATION_COLUMNS, Station, Table, Value};

/// One connection from first sight to its end.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its name.
    pub flow_id: FlowId,
    /// When it was first seen, microseconds since the Unix epoch.
    pub opened_time: i64,
    /// When its end was noticed, microseconds since the Unix epoch.
    pub closed_time: i64,
    /// `SO_COOKIE`.
    pub cookie: u64,
    /// `idiag_family`: 2 or 10, as the kernel has it.
    pub family: u8,
    /// This host's end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// The test that the connection carried; none for any other connection.
    pub test_id: Option<String>,
    /// Congestion-control algorithm as last seen.
    pub congestion_algorithm: Option<String>,
    /// Polls that were answered.
    pub polls_done: u64,
    /// Answered polls in which nothing changed but ages.
    pub polls_unchanged: u64,
    /// Polls that were due and not made.
    pub polls_missed: u64,
    /// While a test had it polled each 10 ms; none for other connections.
    pub watched: Option<Watched>,
    /// Longest time between two answers.
    pub longest_gap_us: Option<u64>,
    /// Smoothed RTT over the polls.
    pub rtt: Option<RttQuantiles>,
    /// The last poll that was answered with a `struct tcp_info`.
    pub last_poll: Option<LastPoll>,
    /// What the kernel said in its destroy event: final.  Without it, the last
    /// poll is all that is known.
    pub destroyed: Option<TcpInfo>,
}

/// The time in which a connection was polled each 10 ms: polls done and missed
/// are together its length in periods, to less than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// When it began, microseconds since the Unix epoch.
    pub time: i64,
    /// How long it was, by the monotonic clock.
    pub elapsed_us: u64,
    /// Number, in the connection, of the first poll that was due in it.
    pub poll_no: u64,
    /// Polls in it that were answered.
    pub polls_done: u64,
    /// Polls in it that were due and not made.
    pub polls_missed: u64,
}

/// Distribution of the smoothed RTT over the polls of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RttQuantiles {
    /// Smallest.
    pub min_us: u64,
    /// Median.
    pub median_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// Largest.
    pub max_us: u64,
}

/// The last poll of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastPoll {
    /// From first sight to the reply, by the monotonic clock.
    pub elapsed_us: u64,
    /// When the kernel had answered, microseconds since the Unix epoch.
    pub reply_time: i64,
    /// What it said.
    pub tcp_info: TcpInfo,
}

const LAST_POLL: &[Column] = &structure_columns::<_, { FIELD_COUNT + 2 }>(FIELDS);

const CELLS: &[Cell<Flow>; 30] = &[
    Cell::new(
        1,
        "flow_id",
        Kind::Text,
        "",
        "Connection (M-Lab's UUID): joins with snapshots and speed_tests.",
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
    Cell::new(
        3,
        "closed_time",
        Kind::Time,
        "us",
        "When the end of the connection was noticed.",
        |row| Value::time(row.closed_time),
    ),
    Cell::new(
        4,
        "cookie",
        Kind::Int,
        "",
        "The socket's cookie (SO_COOKIE), 64 bits; flow_id ends in it.",
        |row| row.cookie.into(),
    ),
    Cell::new(
        5,
        "idiag_family",
        Kind::Int,
        "",
        "Address family of the socket: 2 IPv4, 10 IPv6 (IPv4 clients of a dual-stack socket included).",
        |row| u16::from(row.family).into(),
    ),
    Cell::new(
        6,
        "local_ip",
        Kind::Text,
        "",
        "Address of this host; IPv4 also where the kernel maps it into IPv6.",
        |row| Value::ip(row.local.ip()),
    ),
    Cell::new(7, "local_port", Kind::Int, "", "Port of this host.", |row| row.local.port().into()),
    Cell::with_addresses(
        8,
        "remote_ip",
        Kind::Text,
        "",
        "Address of the peer; IPv4 also where the kernel maps it into IPv6.",
        |row| Value::ip(row.remote.ip()),
    ),
    Cell::new(9, "remote_port", Kind::Int, "", "Port of the peer.", |row| row.remote.port().into()),
    Cell::new(
        10,
        "belonged_to",
        Kind::Text,
        "",
        "What the connection carried: test, or other.",
        |row| if row.test_id.is_some() { "test" } else { "other" }.into(),
    ),
    Cell::new(
        11,
        "test_id",
        Kind::Text,
        "",
        "The test that the connection carried; NULL for other connections.",
        |row| row.test_id.as_deref().into(),
    ),
    Cell::new(
        12,
        "congestion_algorithm",
        Kind::Text,
        "",
        "Congestion-control algorithm as last seen.",
        |row| row.congestion_algorithm.as_deref().into(),
    ),
    Cell::new(13, "polls_done", Kind::Int, "count", "Polls that were answered.", |row| {
        row.polls_done.into()
    }),
    Cell::new(
        14,
        "polls_unchanged",
        Kind::Int,
        "count",
        "Answered polls in which nothing changed but ages; they have no row in snapshots.",
        |row| row.polls_unchanged.into(),
    ),
    Cell::new(15, "polls_missed", Kind::Int, "count", "Polls that were due and not made.", |row| {
        row.polls_missed.into()
    }),
    Cell::new(
        16,
        "longest_gap_us",
        Kind::Int,
        "us",
        "Longest time between two answered polls; NULL below two.",
        |row| row.longest_gap_us.into(),
    ),
    Cell::new(17, "rtt_min_us", Kind::Int, "us", "Smallest smoothed RTT over the polls.", |row| {
        row.rtt.map(|rtt| rtt.min_us).into()
    }),
    Cell::new(18, "rtt_median_us", Kind::Int, "us", "Median smoothed RTT over the polls.", |row| {
        row.rtt.map(|rtt| rtt.median_us).into()
    }),
    Cell::new(
        19,
        "rtt_p95_us",
        Kind::Int,
        "us",
        "95th percentile of the smoothed RTT over the polls.",
        |row| row.rtt.map(|rtt| rtt.p95_us).into(),
    ),
    Cell::new(20, "rtt_max_us", Kind::Int, "us", "Largest smoothed RTT over the polls.", |row| {
        row.rtt.map(|rtt| rtt.max_us).into()
    }),
    Cell::new(
        21,
        "last_poll_elapsed_us",
        Kind::Int,
        "us",
        "From first sight to the last answered poll, by the monotonic clock.",
        |row| row.last_poll.as_ref().map(|poll| poll.elapsed_us).into(),
    ),
    Cell::new(
        22,
        "last_poll_time",
        Kind::Time,
        "us",
        "When the last answered poll was answered, by the wall clock.",
        |row| Value::time(row.last_poll.as_ref().map(|poll| poll.reply_time)),
    ),
    Cell::new(
        23,
        "last_poll",
        Kind::Struct(LAST_POLL),
        "",
        "struct tcp_info at the last answered poll.",
        |row| kernel::structure(row.last_poll.as_ref().map(|poll| &poll.tcp_info)),
    ),
    Cell::new(
        24,
        "final_from",
        Kind::Text,
        "",
        "Where the row's tcp_info columns come from: destroy (the kernel's event at the end: final), last_poll (the event was lost), none.",
        |row| row.final_from().into(),
    ),
    Cell::new(
        25,
        "schema_version",
        Kind::Int,
        "",
        "Version of the tables that the station wrote.",
        |_| crate::SCHEMA_VERSION.into(),
    ),
    Cell::new(
        26,
        "watched_time",
        Kind::Time,
        "us",
        "From when on the connection was polled each 10 ms: the start_time of its test; NULL where it never was.",
        |row| Value::time(row.watched.map(|watched| watched.time)),
    ),
    Cell::new(
        27,
        "watched_us",
        Kind::Int,
        "us",
        "How long it was polled each 10 ms, by the monotonic clock: to the end of its test, or to the last poll before one that did not find its socket.",
        |row| row.watched.map(|watched| watched.elapsed_us).into(),
    ),
    Cell::new(
        28,
        "watched_poll_no",
        Kind::Int,
        "",
        "poll_no of the first poll that was due in that time.",
        |row| row.watched.map(|watched| watched.poll_no).into(),
    ),
    Cell::new(
        29,
        "watched_polls_done",
        Kind::Int,
        "count",
        "Polls in that time that were answered; with those missed, watched_us / 10 ms to less than one.",
        |row| row.watched.map(|watched| watched.polls_done).into(),
    ),
    Cell::new(
        30,
        "watched_polls_missed",
        Kind::Int,
        "count",
        "Polls in that time that were due and not made.",
        |row| row.watched.map(|watched| watched.polls_missed).into(),
    ),
];

const PARTS: &[&[Column]] = &[
    &columns(CELLS),
    TCP_INFO,
    STATION_COLUMNS,
    annotation::CLIENT,
    annotation::SERVER,
    annotation::DATABASES,
];

/// The table; its `tcp_info` columns are the final counters.
pub static FLOWS: Table = Table {
    name: "flows",
    doc: "One row per TCP connection, written when its socket is gone; the tcp_info columns are its final counters.",
    columns: &concat::<{ total(PARTS) }>(PARTS),
};

impl Flow {
    /// The values of [`FLOWS`].
    pub fn into_row(self, station: &Station) -> Vec<Value> {
        let last_poll = self.last_poll.as_ref().map(|poll| &poll.tcp_info);
        let counters = tcp_info_values(self.destroyed.as_ref().or(last_poll));
        values(CELLS, &self)
            .chain(counters)
            .chain(station.values())
            .chain(annotation::of_both_ends_unfilled())
            .collect()
    }

    fn final_from(&self) -> &'static str {
        match (&self.destroyed, &self.last_poll) {
            (Some(_), _) => "destroy",
            (None, Some(_)) => "last_poll",
            (None, None) => "none",
        }
    }
}
