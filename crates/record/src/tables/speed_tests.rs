//! `speed_tests`: one row per test and direction, written when the test ends.

use std::net::SocketAddr;

use trigpoint_tcpinfo::congestion::bbr;
use trigpoint_tcpinfo::{Bbr, FIELD_COUNT, FIELDS, TcpInfo};

use crate::cell::{Cell, columns, concat, list, total, values};
use crate::kernel::{self, structure_columns};
use crate::tables::{PAIRS, Pair, annotation, pairs};
use crate::{Column, FlowId, Kind, STATION_COLUMNS, Station, Table, Value};

mod words;

pub use words::{Direction, EndReason, Transport};

/// `client_name` of tests that the operator of a fleet runs itself while no users come:
/// gates count them only where asked.
pub const SYNTHETIC_CLIENT_NAME: &str = "trigpoint-synthetic";

/// One ndt7 test in one direction.
#[derive(Debug, Clone)]
pub struct SpeedTest {
    /// The connection that carried it.
    pub flow_id: FlowId,
    /// The test; equals the flow's name for ndt7.
    pub test_id: String,
    /// When the connection was first seen, microseconds since the Unix epoch.
    pub opened_time: i64,
    /// Which way the data went.
    pub direction: Direction,
    /// What carried it.
    pub transport: Transport,
    /// The client's end.
    pub client: SocketAddr,
    /// The server's end.
    pub server: SocketAddr,
    /// When the measurement started (after the upgrade), microseconds since the Unix epoch.
    pub start_time: i64,
    /// When the test was over, microseconds since the Unix epoch.
    pub end_time: i64,
    /// From start to end, by the monotonic clock.
    pub elapsed_us: u64,
    /// Why it ended.
    pub end_reason: EndReason,
    /// What exactly went wrong, where something did.
    pub end_detail: Option<String>,
    /// Code of the Close frame that the client sent.
    pub client_close_code: Option<u16>,
    /// What the client said in its query string.
    pub client_metadata: Vec<Pair>,
    /// Labels of the station.
    pub server_metadata: Vec<Pair>,
    /// What the server sent, in order.
    pub server_measurements: Vec<ServerMeasurement>,
    /// What the client sent, in order.
    pub client_measurements: Vec<ClientMeasurement>,
    /// Payload of data messages, sent (download) or received (upload).
    pub application_bytes: u64,
    /// Bytes that the server wrote to the socket: for wss, of TLS.
    pub socket_written_bytes: u64,
    /// Bytes that the server read from the socket: for wss, of TLS.
    pub socket_read_bytes: u64,
    /// The last reading of the socket within the measurement: what the row's
    /// rate, minimum RTT and retransmissions are computed from.
    pub last: Option<LastReading>,
    /// Algorithm as read from the socket.
    pub congestion_control: Option<String>,
    /// Algorithm that the station was told to use.
    pub congestion_control_requested: Option<String>,
    /// Facts of TLS, of wss only.
    pub tls: Option<Tls>,
}

/// A reading of the socket at the end of the measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReading {
    /// Since the start of the measurement, by the monotonic clock.
    pub elapsed_us: u64,
    /// What the kernel said.
    pub tcp_info: TcpInfo,
}

/// What was negotiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Such as `TLSv1.3`.
    pub version: String,
    /// Such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
}

/// One measurement message that the server sent.
#[derive(Debug, Clone)]
pub struct ServerMeasurement {
    /// Since the start of the measurement, by the monotonic clock.
    pub elapsed_us: u64,
    /// What the server's application counted.
    pub app_info: Option<AppInfo>,
    /// State of BBR, where it is in use.
    pub bbr: Option<Bbr>,
    /// What the kernel said.
    pub tcp_info: Option<TcpInfo>,
    /// The text message as it was sent.
    pub json: String,
}

/// One measurement message that the client sent.
#[derive(Debug, Clone)]
pub struct ClientMeasurement {
    /// When the server had read it, since the start of the measurement.
    pub received_elapsed_us: u64,
    /// What the client's application counted.
    pub app_info: Option<AppInfo>,
    /// The text message as it was received.
    pub json: String,
}

/// ndt7's `AppInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppInfo {
    /// `ElapsedTime`, by the sender's clock.
    pub elapsed_us: u64,
    /// `NumBytes`: payload sent or received so far.
    pub num_bytes: u64,
}

const APP_INFO: &[Cell<AppInfo>; 2] = &[
    Cell::new(
        1,
        "elapsed_us",
        Kind::Int,
        "us",
        "ElapsedTime: since the start, by the sender's clock.",
        |row| row.elapsed_us.into(),
    ),
    Cell::new(
        2,
        "num_bytes",
        Kind::Int,
        "bytes",
        "NumBytes: payload sent or received so far.",
        |row| row.num_bytes.into(),
    ),
];

const TCP_INFO: &[Column] = &structure_columns::<_, { FIELD_COUNT + 2 }>(FIELDS);
const BBR: &[Column] = &structure_columns::<_, { bbr::FIELD_COUNT + 2 }>(bbr::FIELDS);
const APP_INFO_COLUMNS: &[Column] = &columns(APP_INFO);

fn app_info(value: Option<&AppInfo>) -> Value {
    value.map_or(Value::Null, |value| crate::cell::structure(APP_INFO, value))
}

const SERVER: &[Cell<ServerMeasurement>; 5] = &[
    Cell::new(
        1,
        "elapsed_us",
        Kind::Int,
        "us",
        "ElapsedTime: since the start of the measurement, by the monotonic clock.",
        |row| row.elapsed_us.into(),
    ),
    Cell::new(
        2,
        "app_info",
        Kind::Struct(APP_INFO_COLUMNS),
        "",
        "What the server's application counted; NULL where the message has none.",
        |row| app_info(row.app_info.as_ref()),
    ),
    Cell::new(
        3,
        "bbr",
        Kind::Struct(BBR),
        "",
        "State of BBR; NULL under another algorithm, where ndt7's message has zeros.",
        |row| kernel::structure(row.bbr.as_ref()),
    ),
    Cell::new(
        4,
        "tcp_info",
        Kind::Struct(TCP_INFO),
        "",
        "struct tcp_info as read from the socket.",
        |row| kernel::structure(row.tcp_info.as_ref()),
    ),
    Cell::with_addresses(5, "json", Kind::Text, "", "The message exactly as it was sent.", |row| {
        row.json.as_str().into()
    }),
];

const CLIENT: &[Cell<ClientMeasurement>; 3] = &[
    Cell::new(
        1,
        "received_elapsed_us",
        Kind::Int,
        "us",
        "When the server had read it, since the start of the measurement.",
        |row| row.received_elapsed_us.into(),
    ),
    Cell::new(
        2,
        "app_info",
        Kind::Struct(APP_INFO_COLUMNS),
        "",
        "What the client's application counted; NULL where the message has none.",
        |row| app_info(row.app_info.as_ref()),
    ),
    Cell::with_addresses(
        3,
        "json",
        Kind::Text,
        "",
        "The message exactly as it was received.",
        |row| row.json.as_str().into(),
    ),
];

const SERVER_ITEM: Column =
    Column::new(1, "item", Kind::Struct(&columns(SERVER)), "", "One message.");
const CLIENT_ITEM: Column =
    Column::new(1, "item", Kind::Struct(&columns(CLIENT)), "", "One message.");

const CELLS: &[Cell<SpeedTest>; 42] = &[
    Cell::new(
        1,
        "flow_id",
        Kind::Text,
        "",
        "Connection that carried the test (M-Lab's UUID): joins with flows and snapshots.",
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
        "test_id",
        Kind::Text,
        "",
        "The test; equals flow_id for ndt7, which has one stream.",
        |row| row.test_id.as_str().into(),
    ),
    Cell::new(4, "direction", Kind::Text, "", "download (server to client) or upload.", |row| {
        row.direction.name().into()
    }),
    Cell::new(5, "protocol", Kind::Text, "", "Protocol of the test: ndt7.", |_| "ndt7".into()),
    Cell::new(6, "transport", Kind::Text, "", "ws, or wss with TLS.", |row| {
        row.transport.name().into()
    }),
    Cell::new(7, "ip_version", Kind::Int, "", "4 or 6, as the client used it.", |row| {
        if row.client.ip().to_canonical().is_ipv4() { 4_u16 } else { 6 }.into()
    }),
    Cell::new(
        8,
        "start_time",
        Kind::Time,
        "us",
        "When the measurement started: after the upgrade to WebSocket.",
        |row| Value::time(row.start_time),
    ),
    Cell::new(
        9,
        "end_time",
        Kind::Time,
        "us",
        "When the test was over: after the closing of the connection.",
        |row| Value::time(row.end_time),
    ),
    Cell::new(
        10,
        "elapsed_us",
        Kind::Int,
        "us",
        "From start to end, by the monotonic clock.",
        |row| row.elapsed_us.into(),
    ),
    Cell::new(11, "end_reason", Kind::Text, "", words::END_REASONS, |row| {
        row.end_reason.name().into()
    }),
    Cell::with_addresses(
        12,
        "end_detail",
        Kind::Text,
        "",
        "What exactly went wrong; NULL where nothing did.",
        |row| row.end_detail.as_deref().into(),
    ),
    Cell::new(
        13,
        "client_close_code",
        Kind::Int,
        "",
        "Code of the client's Close frame (RFC 6455 section 7.4); NULL where none came.",
        |row| row.client_close_code.into(),
    ),
    Cell::with_addresses(
        14,
        "client_ip",
        Kind::Text,
        "",
        "Address of the client; IPv4 also where the kernel maps it into IPv6.",
        |row| Value::ip(row.client.ip()),
    ),
    Cell::new(15, "client_port", Kind::Int, "", "Port of the client.", |row| {
        row.client.port().into()
    }),
    Cell::new(
        16,
        "server_ip",
        Kind::Text,
        "",
        "Address of the server as its socket has it.",
        |row| Value::ip(row.server.ip()),
    ),
    Cell::new(
        17,
        "server_port",
        Kind::Int,
        "",
        "Port of the server as its socket has it.",
        |row| row.server.port().into(),
    ),
    Cell::with_addresses(
        18,
        "client_name",
        Kind::Text,
        "",
        "client_name of the query string; trigpoint-synthetic for a test that the fleet's operator proved to be its own, and for no other.",
        |row| row.metadata("client_name"),
    ),
    Cell::with_addresses(
        19,
        "client_version",
        Kind::Text,
        "",
        "client_version of the query string.",
        |row| row.metadata("client_version"),
    ),
    Cell::with_addresses(
        20,
        "client_library_name",
        Kind::Text,
        "",
        "client_library_name of the query string.",
        |row| row.metadata("client_library_name"),
    ),
    Cell::with_addresses(
        21,
        "client_library_version",
        Kind::Text,
        "",
        "client_library_version of the query string.",
        |row| row.metadata("client_library_version"),
    ),
    Cell::with_addresses(
        22,
        "client_os",
        Kind::Text,
        "",
        "client_os of the query string.",
        |row| row.metadata("client_os"),
    ),
    Cell::with_addresses(
        23,
        "client_arch",
        Kind::Text,
        "",
        "client_arch of the query string.",
        |row| row.metadata("client_arch"),
    ),
    Cell::with_addresses(
        24,
        "client_metadata",
        PAIRS,
        "",
        "All of the query string, but access tokens and names that start with server_.",
        |row| pairs(&row.client_metadata),
    ),
    Cell::new(25, "server_metadata", PAIRS, "", "Labels of the station.", |row| {
        pairs(&row.server_metadata)
    }),
    Cell::new(
        26,
        "server_measurements",
        Kind::List(&SERVER_ITEM),
        "",
        "Every measurement that the server sent, in order.",
        |row| list(SERVER, &row.server_measurements),
    ),
    Cell::new(
        27,
        "server_measurement_count",
        Kind::Int,
        "count",
        "Length of server_measurements.",
        |row| (row.server_measurements.len() as u64).into(),
    ),
    Cell::new(
        28,
        "client_measurements",
        Kind::List(&CLIENT_ITEM),
        "",
        "Every measurement that the client sent, in order.",
        |row| list(CLIENT, &row.client_measurements),
    ),
    Cell::new(
        29,
        "client_measurement_count",
        Kind::Int,
        "count",
        "Length of client_measurements.",
        |row| (row.client_measurements.len() as u64).into(),
    ),
    Cell::new(
        30,
        "application_bytes",
        Kind::Int,
        "bytes",
        "Payload of data messages: written by the server (download) or received by it (upload).",
        |row| row.application_bytes.into(),
    ),
    Cell::new(
        31,
        "socket_written_bytes",
        Kind::Int,
        "bytes",
        "What the server wrote to the socket since it was opened: for wss, bytes of TLS.",
        |row| row.socket_written_bytes.into(),
    ),
    Cell::new(
        32,
        "socket_read_bytes",
        Kind::Int,
        "bytes",
        "What the server read from the socket since it was opened: for wss, bytes of TLS.",
        |row| row.socket_read_bytes.into(),
    ),
    Cell::new(
        33,
        "throughput_bits_per_s",
        Kind::Float,
        "bits/s",
        "Rate of the test: 8 x bytes_acked (download) or bytes_received (upload) over last_elapsed_us, both of the last reading of the socket.",
        |row| row.throughput_bits_per_s().into(),
    ),
    Cell::new(
        34,
        "min_rtt_us",
        Kind::Int,
        "us",
        "Smallest RTT of the connection at the last reading of the socket.",
        |row| row.last_info().and_then(TcpInfo::min_rtt_us).into(),
    ),
    Cell::new(
        35,
        "retransmission_share",
        Kind::Float,
        "",
        "bytes_retrans / bytes_sent at the last reading of the socket, 0 to 1; NULL for uploads, where the receiver cannot know it.",
        |row| row.retransmission_share().into(),
    ),
    Cell::new(
        36,
        "last_elapsed_us",
        Kind::Int,
        "us",
        "When the socket was read for the last time, since the start of the measurement.",
        |row| row.last.as_ref().map(|last| last.elapsed_us).into(),
    ),
    Cell::new(
        37,
        "last_tcp_info",
        Kind::Struct(TCP_INFO),
        "",
        "struct tcp_info at the last reading, taken at the end of the measurement.",
        |row| kernel::structure(row.last_info()),
    ),
    Cell::new(
        38,
        "congestion_control",
        Kind::Text,
        "",
        "Congestion-control algorithm of the server's side, as read from the socket.",
        |row| row.congestion_control.as_deref().into(),
    ),
    Cell::new(
        39,
        "congestion_control_requested",
        Kind::Text,
        "",
        "Algorithm that the station was told to use; NULL for the kernel's default.",
        |row| row.congestion_control_requested.as_deref().into(),
    ),
    Cell::new(40, "tls_version", Kind::Text, "", "Version of TLS; NULL for ws.", |row| {
        row.tls.as_ref().map(|tls| tls.version.as_str()).into()
    }),
    Cell::new(41, "tls_cipher_suite", Kind::Text, "", "Cipher suite of TLS; NULL for ws.", |row| {
        row.tls.as_ref().map(|tls| tls.cipher_suite.as_str()).into()
    }),
    Cell::new(
        42,
        "schema_version",
        Kind::Int,
        "",
        "Version of the tables that the station wrote.",
        |_| crate::SCHEMA_VERSION.into(),
    ),
];

const PARTS: &[&[Column]] = &[
    &columns(CELLS),
    STATION_COLUMNS,
    annotation::CLIENT,
    annotation::SERVER,
    annotation::DATABASES,
];

/// The table.
pub static SPEED_TESTS: Table = Table {
    name: "speed_tests",
    doc: "One row per test and direction, written when the test ends.",
    columns: &concat::<{ total(PARTS) }>(PARTS),
};

impl SpeedTest {
    /// The values of [`SPEED_TESTS`].
    pub fn into_row(self, station: &Station) -> Vec<Value> {
        values(CELLS, &self)
            .chain(station.values())
            .chain(annotation::of_both_ends_unfilled())
            .collect()
    }

    /// The test's rate from the last reading of the socket; `None` without one.
    pub fn throughput_bits_per_s(&self) -> Option<f64> {
        let last = self.last.as_ref().filter(|last| last.elapsed_us > 0)?;
        let bytes = match self.direction {
            Direction::Download => last.tcp_info.bytes_acked(),
            Direction::Upload => last.tcp_info.bytes_received(),
        }?;
        Some(bytes as f64 * 8e6 / last.elapsed_us as f64)
    }

    /// Share of the payload that was retransmitted, 0 to 1; `None` for
    /// uploads, where the receiver cannot tell loss from reordering.
    pub fn retransmission_share(&self) -> Option<f64> {
        let info = self.last_info().filter(|_| self.direction == Direction::Download)?;
        let sent = info.bytes_sent().filter(|sent| *sent > 0)?;
        Some(info.bytes_retrans()? as f64 / sent as f64)
    }

    fn last_info(&self) -> Option<&TcpInfo> {
        self.last.as_ref().map(|last| &last.tcp_info)
    }

    fn metadata(&self, name: &str) -> Value {
        self.client_metadata.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str()).into()
    }
}
