//! A query service on a lake in a temporary directory, and clients of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow_flight::FlightInfo;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt as _;
use prometheus::Registry;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use trigpoint_lake::{Group, Lake, Rows, Sent};
use trigpoint_process::tokens::Tokens;
use trigpoint_record::{Batch, Column, Kind, Table, Value};

use crate::{Authenticator, GateClient, QueryService, Settings, transport};

pub(crate) static READINGS: Table = Table {
    name: "readings",
    doc: "Test table: one row per reading of a flow.",
    columns: &[
        Column::new(1, "flow_id", Kind::Text, "", "The flow."),
        Column::new(2, "n", Kind::Int, "", "Number of the reading."),
        Column::new(3, "time", Kind::Time, "", "When it was."),
        Column::new(4, "min_rtt_us", Kind::Int, "µs", "Least round-trip time."),
    ],
};

/// 2026-11-24T00:00:00Z, microseconds.
const MIDNIGHT: i64 = 1_795_478_400_000_000;

pub(crate) type Client = FlightSqlServiceClient<Channel>;

pub(crate) struct Fixture {
    pub(crate) service: QueryService,
    pub(crate) lake: Lake,
    pub(crate) registry: Registry,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A service whose defaults are changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::over(&[&READINGS], change).await
    }

    /// The same of other tables.
    pub(crate) async fn over(
        tables: &[&'static Table],
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = directory.path().join("lake");
        let lake = Lake::open_tables(&location.to_string_lossy(), tables).unwrap();
        let mut settings = Settings::new(directory.path().join("spill"));
        // A test sees what it has just written.
        settings.limits.snapshot_age = Duration::ZERO;
        change(&mut settings);
        let registry = Registry::new();
        let service = QueryService::start(&lake, settings, &registry).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tokens = "ada secret-of-ada-0000\nbob secret-of-bob-0000";
        let authenticator = Authenticator::Tokens(Tokens::parse(tokens).unwrap());
        let router = transport()
            .add_service(service.service(authenticator.clone()))
            .add_service(service.gates(authenticator));
        let connections = service.connections(TcpListenerStream::new(listener));
        tokio::spawn(router.serve_with_incoming(connections));
        Self { service, lake, registry, address, _directory: directory }
    }

    /// One more commit with a row.
    pub(crate) async fn commit(&self, seq: u64) {
        let n = i64::try_from(seq).unwrap();
        let flow = Value::Text(format!("flow-{seq}"));
        let time = Value::Time(MIDNIGHT + n);
        let row = vec![flow, Value::Int(n), time, Value::Int(10_000 + n)];
        self.append(&READINGS, seq, vec![row]).await;
    }

    /// One commit, the batch `seq` of its table.
    pub(crate) async fn append(&self, table: &'static Table, seq: u64, rows: Vec<Vec<Value>>) {
        let mut batch = Batch::new(table);
        let count = rows.len();
        for row in rows {
            batch.push(row).unwrap();
        }
        let columns = table.columns.iter().zip(batch.columns);
        let sent = columns.map(|(it, array)| Sent { description: it.into(), array }).collect();
        let rows = Rows::convert(table, "spool-1", seq, count, sent).unwrap();
        let group = Group { app_id: "a".to_owned(), last_seq: seq, rows: vec![rows] };
        self.lake.append(table, vec![group]).await.unwrap();
    }

    pub(crate) async fn gates(&self) -> GateClient {
        let endpoint = format!("grpc://{}", self.address);
        GateClient::connect(&endpoint, Some("secret-of-ada-0000"), None).await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        self.client_of("secret-of-ada-0000").await
    }

    pub(crate) async fn client_of(&self, token: &str) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        let mut client = Client::new(endpoint.connect().await.unwrap());
        client.set_token(token.to_owned());
        client
    }

    /// The value of a metric, the sum over its labels that contain `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text =
            prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until a metric has a value.
    pub(crate) async fn until(&self, name: &str, label: &str, value: f64) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while (self.metric(name, label) - value).abs() > 0.5 {
            let now = self.metric(name, label);
            assert!(Instant::now() < deadline, "{name}{{{label}}} is {now}, and not {value}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// All rows of an answer.
pub(crate) async fn rows(
    client: &mut Client,
    info: FlightInfo,
) -> Result<Vec<RecordBatch>, Status> {
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let batches = client.do_get(ticket).await.map_err(status)?;
    batches.try_collect().await.map_err(status)
}

/// All rows that answer a statement.
pub(crate) async fn ask(client: &mut Client, sql: &str) -> Result<Vec<RecordBatch>, Status> {
    let info = client.execute(sql.to_owned(), None).await.map_err(status)?;
    rows(client, info).await
}

/// The only number of an answer.
pub(crate) async fn number(client: &mut Client, sql: &str) -> i64 {
    let rows = ask(client, sql).await.unwrap();
    rows[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// Why a statement is not answered.
pub(crate) async fn refusal(client: &mut Client, sql: &str) -> (Code, String) {
    match ask(client, sql).await {
        Ok(rows) => panic!("{sql} was answered: {rows:?}"),
        Err(status) => (status.code(), status.message().to_owned()),
    }
}

pub(crate) fn status(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => panic!("{other}"),
    }
}
