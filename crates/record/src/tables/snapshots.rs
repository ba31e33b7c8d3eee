//! `snapshots`: one row per TCP_INFO snapshot, never thinned.

use trigpoint_tcpinfo::congestion::{bbr, dctcp, vegas};
use trigpoint_tcpinfo::memory::{meminfo, skmeminfo};
use trigpoint_tcpinfo::{Congestion, Meminfo, SkMeminfo, TcpInfo};

use crate::cell::{concat, total};
use crate::filling::Filling;
use crate::kernel::{TCP_INFO, structure_columns};
use crate::{Array, Batch, Column, FlowId, Kind, STATION_COLUMNS, Station, Table, Value};

/// The columns before those of `struct tcp_info`, in the order of [`Snapshots::push`].
const OWN: &[Column] = &[
    Column::new(
        1,
        "flow_id",
        Kind::Text,
        "",
        "Connection (M-Lab's UUID): joins with flows and speed_tests.",
    ),
    Column::new(
        2,
        "opened_time",
        Kind::Time,
        "us",
        "When the connection was first seen; gives the row its date.",
    ),
    Column::new(
        3,
        "n",
        Kind::Int,
        "count",
        "Number of the snapshot within its connection, from 0 and without holes.",
    ),
    Column::new(
        4,
        "poll_no",
        Kind::Int,
        "count",
        "Number of the poll within its connection, from 0; polls without change have no row.",
    ),
    Column::new(
        5,
        "elapsed_us",
        Kind::Int,
        "us",
        "From first sight of the connection to the kernel's reply, by the monotonic clock.",
    ),
    Column::new(
        6,
        "request_time",
        Kind::Time,
        "us",
        "When the kernel was asked, by the wall clock.",
    ),
    Column::new(
        7,
        "reply_time",
        Kind::Time,
        "us",
        "When the kernel had answered, by the wall clock; the state is of a moment between the two.",
    ),
    Column::new(
        8,
        "polls_unchanged_before",
        Kind::Int,
        "count",
        "Polls since the row before in which nothing changed but ages.",
    ),
    Column::new(
        9,
        "polls_missed_before",
        Kind::Int,
        "count",
        "Polls since the row before that were due and not made.",
    ),
    Column::new(
        10,
        "idiag_family",
        Kind::Int,
        "",
        "Address family of the socket: 2 IPv4, 10 IPv6 (IPv4 clients of a dual-stack socket included).",
    ),
    Column::new(
        11,
        "idiag_state",
        Kind::Int,
        "",
        "State of the socket, as tcp_info's state; also where there is no tcp_info.",
    ),
    Column::new(
        12,
        "idiag_timer",
        Kind::Int,
        "",
        "Running timer: 0 none, 1 retransmission, 2 keep-alive, 3 TIME_WAIT, 4 zero-window probe.",
    ),
    Column::new(
        13,
        "idiag_retrans",
        Kind::Int,
        "count",
        "Retransmissions or probes that the running timer stands for.",
    ),
    Column::new(14, "idiag_expires_ms", Kind::Int, "ms", "Until the running timer expires."),
    Column::new(
        15,
        "idiag_rqueue_bytes",
        Kind::Int,
        "bytes",
        "Received and not yet read by the application.",
    ),
    Column::new(
        16,
        "idiag_wqueue_bytes",
        Kind::Int,
        "bytes",
        "Written by the application and not yet acknowledged.",
    ),
    Column::new(17, "idiag_uid", Kind::Int, "", "User who owns the socket."),
    Column::new(
        18,
        "idiag_inode",
        Kind::Int,
        "",
        "Inode of the socket; 0 once the application closed it.",
    ),
    Column::new(
        19,
        "idiag_interface",
        Kind::Int,
        "",
        "Index of the interface that the socket is bound to; 0 for none.",
    ),
    Column::new(
        20,
        "congestion_algorithm",
        Kind::Text,
        "",
        "Congestion-control algorithm in use (INET_DIAG_CONG).",
    ),
    Column::new(21, "tos", Kind::Int, "", "IPv4 type of service of sent packets (INET_DIAG_TOS)."),
    Column::new(
        22,
        "tclass",
        Kind::Int,
        "",
        "IPv6 traffic class of sent packets (INET_DIAG_TCLASS).",
    ),
    Column::new(
        23,
        "class_id",
        Kind::Int,
        "",
        "Traffic-control class, or the socket's priority (INET_DIAG_CLASS_ID).",
    ),
    Column::new(
        24,
        "shutdown",
        Kind::Int,
        "",
        "Closed directions: 1 receiving, 2 sending (INET_DIAG_SHUTDOWN).",
    ),
    Column::new(25, "protocol", Kind::Int, "", "IP protocol of the socket (INET_DIAG_PROTOCOL)."),
    Column::new(
        26,
        "mark",
        Kind::Int,
        "",
        "Mark of sent packets (INET_DIAG_MARK); needs a privilege to be seen.",
    ),
    Column::new(
        27,
        "attribute_bitmap",
        Kind::Int,
        "",
        "Attributes that the kernel sent: bit t for attribute type t of inet_diag.h.",
    ),
    UNDECODED_ATTRIBUTES,
    Column::new(
        30,
        "meminfo",
        Kind::Struct(MEMINFO),
        "",
        "Memory of the socket (INET_DIAG_MEMINFO).",
    ),
    Column::new(
        31,
        "skmeminfo",
        Kind::Struct(SKMEMINFO),
        "",
        "Memory of the socket in detail (INET_DIAG_SKMEMINFO).",
    ),
    Column::new(
        32,
        "bbr",
        Kind::Struct(BBR),
        "",
        "State of BBR (INET_DIAG_BBRINFO); NULL under another algorithm, and in CLOSE_WAIT, LAST_ACK and CLOSING, where the kernel leaves it out.",
    ),
    Column::new(
        33,
        "vegas",
        Kind::Struct(VEGAS),
        "",
        "State of Vegas and its kin (INET_DIAG_VEGASINFO); NULL under another algorithm, and in CLOSE_WAIT, LAST_ACK and CLOSING, where the kernel leaves it out.",
    ),
    Column::new(
        34,
        "dctcp",
        Kind::Struct(DCTCP),
        "",
        "State of DCTCP (INET_DIAG_DCTCPINFO); NULL under another algorithm, and in CLOSE_WAIT, LAST_ACK and CLOSING, where the kernel leaves it out.",
    ),
];

const UNDECODED_ATTRIBUTES: Column = Column::new(
    28,
    "undecoded_attributes",
    Kind::List(&UNDECODED),
    "",
    "Attributes that this version does not decode, as the kernel sent them; NULL where there are none.",
);
const UNDECODED: Column =
    Column::new(1, "item", Kind::Struct(UNDECODED_FIELDS), "", "One attribute.");
const UNDECODED_FIELDS: &[Column] = &[
    Column::new(1, "type", Kind::Int, "", "Attribute type, as in inet_diag.h."),
    Column::new(2, "bytes", Kind::Bytes, "", "Its value.").with_addresses(),
];

const MEMINFO: &[Column] = &structure_columns::<_, { meminfo::FIELD_COUNT + 2 }>(meminfo::FIELDS);
const SKMEMINFO: &[Column] =
    &structure_columns::<_, { skmeminfo::FIELD_COUNT + 2 }>(skmeminfo::FIELDS);
const BBR: &[Column] = &structure_columns::<_, { bbr::FIELD_COUNT + 2 }>(bbr::FIELDS);
const VEGAS: &[Column] = &structure_columns::<_, { vegas::FIELD_COUNT + 2 }>(vegas::FIELDS);
const DCTCP: &[Column] = &structure_columns::<_, { dctcp::FIELD_COUNT + 2 }>(dctcp::FIELDS);

const PARTS: &[&[Column]] = &[OWN, TCP_INFO, STATION_COLUMNS];

/// The table.
pub static SNAPSHOTS: Table = Table {
    name: "snapshots",
    doc: "One row per TCP_INFO snapshot of a connection: every poll in which anything changed.",
    columns: &concat::<{ total(PARTS) }>(PARTS),
};

/// One snapshot, as the sampler saw it.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'a> {
    /// The connection.
    pub flow_id: &'a FlowId,
    /// When it was first seen, microseconds since the Unix epoch.
    pub opened_time: i64,
    /// Number of the snapshot, from 0.
    pub n: u64,
    /// Number of the poll, from 0.
    pub poll_no: u64,
    /// From first sight to the reply, by the monotonic clock.
    pub elapsed_us: u64,
    /// Wall clock before asking, microseconds since the Unix epoch.
    pub request_time: i64,
    /// Wall clock after the answer, microseconds since the Unix epoch.
    pub reply_time: i64,
    /// Polls since the last snapshot without change.
    pub polls_unchanged_before: u64,
    /// Polls since the last snapshot that were due and not made.
    pub polls_missed_before: u64,
    /// The fixed part of the message.
    pub header: Header,
    /// Algorithm's name.
    pub congestion_algorithm: Option<&'a str>,
    /// Values of small attributes.
    pub attributes: Attributes,
    /// Bit t for attribute type t.
    pub attribute_bitmap: u64,
    /// Attributes that are not decoded: type and value.
    pub undecoded_attributes: &'a [(u16, Vec<u8>)],
    /// `INET_DIAG_MEMINFO`.
    pub meminfo: Option<&'a Meminfo>,
    /// `INET_DIAG_SKMEMINFO`.
    pub skmeminfo: Option<&'a SkMeminfo>,
    /// State of the congestion-control algorithm.
    pub congestion: Option<&'a Congestion>,
    /// `INET_DIAG_INFO`; a mini-socket has none.
    pub tcp_info: Option<&'a TcpInfo>,
}

/// What of `struct inet_diag_msg` is not in the flow's row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// `idiag_family`.
    pub family: u8,
    /// `idiag_state`.
    pub state: u8,
    /// `idiag_timer`.
    pub timer: u8,
    /// `idiag_retrans`.
    pub retrans: u8,
    /// `idiag_expires`.
    pub expires_ms: u32,
    /// `idiag_rqueue`.
    pub rqueue_bytes: u32,
    /// `idiag_wqueue`.
    pub wqueue_bytes: u32,
    /// `idiag_uid`.
    pub uid: u32,
    /// `idiag_inode`.
    pub inode: u32,
    /// `idiag_if`.
    pub interface: u32,
}

/// Attributes that hold one number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `INET_DIAG_TOS`.
    pub tos: Option<u8>,
    /// `INET_DIAG_TCLASS`.
    pub tclass: Option<u8>,
    /// `INET_DIAG_CLASS_ID`.
    pub class_id: Option<u32>,
    /// `INET_DIAG_SHUTDOWN`.
    pub shutdown: Option<u8>,
    /// `INET_DIAG_PROTOCOL`.
    pub protocol: Option<u8>,
    /// `INET_DIAG_MARK`.
    pub mark: Option<u32>,
}

/// Snapshots as they gather: one array per column, no value per cell.
#[derive(Debug)]
pub struct Snapshots {
    station: Station,
    batch: Batch,
}

impl Snapshots {
    /// No snapshots yet, of this station.
    pub fn new(station: Station) -> Self {
        Self { station, batch: Batch::new(&SNAPSHOTS) }
    }

    /// Number of snapshots gathered.
    pub fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// The snapshots gathered so far, which are then no longer here.
    pub fn take(&mut self) -> Batch {
        std::mem::replace(&mut self.batch, Batch::new(&SNAPSHOTS))
    }

    /// Appends one snapshot.
    pub fn push(&mut self, snapshot: &Snapshot<'_>) {
        let Snapshot { header, attributes, .. } = snapshot;
        let mut row = Filling::new(&mut self.batch.columns);
        row.text(Some(snapshot.flow_id.as_str()));
        for value in [
            snapshot.opened_time,
            snapshot.n as i64,
            snapshot.poll_no as i64,
            snapshot.elapsed_us as i64,
            snapshot.request_time,
            snapshot.reply_time,
            snapshot.polls_unchanged_before as i64,
            snapshot.polls_missed_before as i64,
            header.family.into(),
            header.state.into(),
            header.timer.into(),
            header.retrans.into(),
            header.expires_ms.into(),
            header.rqueue_bytes.into(),
            header.wqueue_bytes.into(),
            header.uid.into(),
            header.inode.into(),
            header.interface.into(),
        ] {
            row.int(Some(value));
        }
        row.text(snapshot.congestion_algorithm);
        for value in [
            attributes.tos.map(i64::from),
            attributes.tclass.map(i64::from),
            attributes.class_id.map(i64::from),
            attributes.shutdown.map(i64::from),
            attributes.protocol.map(i64::from),
            attributes.mark.map(i64::from),
            Some(snapshot.attribute_bitmap as i64),
        ] {
            row.int(value);
        }
        row.next(|array| push_undecoded(array, snapshot.undecoded_attributes));
        row.structure(snapshot.meminfo);
        row.structure(snapshot.skmeminfo);
        let (mut bbr, mut vegas, mut dctcp) = (None, None, None);
        match snapshot.congestion {
            Some(Congestion::Bbr(block)) => bbr = Some(block),
            Some(Congestion::Vegas(block)) => vegas = Some(block),
            Some(Congestion::Dctcp(block)) => dctcp = Some(block),
            None => {}
        }
        row.structure(bbr);
        row.structure(vegas);
        row.structure(dctcp);
        row.kernel(snapshot.tcp_info);
        for text in self.station.texts() {
            row.text(text);
        }
        debug_assert!(row.is_complete(), "the table has more columns than the row has values");
    }
}

/// Appends a list, NULL where it is empty: nearly always.
fn push_undecoded(array: &mut Array, attributes: &[(u16, Vec<u8>)]) {
    let item = |(kind, bytes): &(u16, Vec<u8>)| {
        Value::Struct(vec![(*kind).into(), Value::Bytes(bytes.clone())])
    };
    if attributes.is_empty() {
        array.push_null();
        return;
    }
    let items = Value::List(attributes.iter().map(item).collect());
    let pushed = array.push(&UNDECODED_ATTRIBUTES, items);
    debug_assert!(pushed.is_ok(), "{pushed:?}");
}
