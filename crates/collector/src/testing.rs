//! A collector on a lake in a temporary directory, and stations that talk to it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use arrow::array::{Array as _, Int64Array, StringArray};
use prometheus::Registry;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Status, Streaming, transport::Channel};
use trigpoint_lake::Lake;
use trigpoint_record::{Batch, Kind, TABLES, Table, Value};
use trigpoint_wire::{
    encode,
    ingest::{
        self, Ack, CollectorMessage, Gap, Hello, Reject, Retry, RetryReason, StationMessage,
        TableSchema, collector_message::Message as Answer, ingest_client::IngestClient,
        station_message::Message,
    },
    schema,
};

use crate::{Authenticator, Collector, Settings, transport};

/// 2026-11-24T00:00:00Z, microseconds.
pub(crate) const MIDNIGHT: i64 = 1_795_478_400_000_000;

/// A collector that listens on TCP.
pub(crate) struct Fixture {
    pub(crate) collector: Collector,
    pub(crate) lake: Lake,
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    directory: Arc<TempDir>,
    server: JoinHandle<()>,
}

/// Commits without delay.
pub(crate) fn quick() -> Settings {
    Settings {
        commit_after: Duration::ZERO,
        commit_at_latest: Duration::from_millis(20),
        commit_spacing: Duration::from_millis(50),
        ..Settings::default()
    }
}

/// Commits nothing until it is told to stop.
pub(crate) fn never() -> Settings {
    Settings {
        commit_after: Duration::from_hours(1),
        commit_at_latest: Duration::from_hours(1),
        commit_spacing: Duration::from_millis(50),
        ..Settings::default()
    }
}

impl Fixture {
    pub(crate) async fn new(settings: Settings) -> Self {
        Self::with(settings, Authenticator::Local).await
    }

    pub(crate) async fn with(settings: Settings, authenticator: Authenticator) -> Self {
        Self::at(Arc::new(tempfile::tempdir().unwrap()), settings, authenticator).await
    }

    /// A collector that starts on the lake of another one.
    pub(crate) async fn over(other: &Self, settings: Settings) -> Self {
        Self::at(Arc::clone(&other.directory), settings, Authenticator::Local).await
    }

    async fn at(directory: Arc<TempDir>, settings: Settings, authenticator: Authenticator) -> Self {
        let lake = Lake::open(directory.path().to_str().unwrap()).unwrap();
        let registry = Registry::new();
        let collector = Collector::start(lake.clone(), settings, &registry).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = transport().add_service(collector.service(authenticator));
        let server = tokio::spawn(async move {
            router.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { collector, lake, address, registry, directory, server }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    /// A station of this spool, after its Welcome.
    pub(crate) async fn station(&self, spool_id: &str) -> Station {
        let (station, _) = self.welcomed(spool_id).await;
        station
    }

    /// The same, and the highest marker that the Welcome told.
    pub(crate) async fn welcomed(&self, spool_id: &str) -> (Station, u64) {
        let mut station = Station::connect(self.channel().await, None).await.unwrap();
        station.hello(hello(spool_id)).await;
        let committed = station.welcome().await;
        (station, committed)
    }

    /// What a station of this spool is told instead of a Welcome, because of the store.
    pub(crate) async fn turned_away(&self, spool_id: &str) -> String {
        let mut station = Station::connect(self.channel().await, None).await.unwrap();
        station.hello(hello(spool_id)).await;
        station.told_to_retry(RetryReason::Storage).await
    }

    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    /// The one number that a query answers.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let batches = self.lake.session().query(sql).await.unwrap().collect().await.unwrap();
        let column = batches[0].column(0);
        column.as_any().downcast_ref::<Int64Array>().unwrap().value(0)
    }

    /// The one text that a query answers.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let sql = format!("SELECT arrow_cast(({sql}), 'Utf8')");
        let batches = self.lake.session().query(&sql).await.unwrap().collect().await.unwrap();
        let column = batches[0].column(0);
        column.as_any().downcast_ref::<StringArray>().unwrap().value(0).to_owned()
    }

    /// Rows of a table, and how many of them are distinct.
    pub(crate) async fn rows(&self, table: &str) -> (i64, i64) {
        let all = self.number(&format!("SELECT count(*) FROM {table}")).await;
        let distinct = format!("SELECT count(*) FROM (SELECT DISTINCT flow_id FROM {table})");
        (all, self.number(&distinct).await)
    }

    /// A metric's value, summed over its labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        // A metric that nothing has happened to is not there yet.
        families
            .iter()
            .filter(|family| family.name() == name)
            .flat_map(prometheus::proto::MetricFamily::get_metric)
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum::<f64>() as u64
    }
}

impl Fixture {
    /// Waits until so many batches were received, committed or not.
    pub(crate) async fn received(&self, batches: u64) {
        let received = self.reaches("trigpoint_collector_batches_total", batches);
        tokio::time::timeout(Duration::from_secs(30), received).await.expect("batches within 30 s");
    }

    /// Waits until a metric is at least `least`.
    pub(crate) async fn reaches(&self, name: &str, least: u64) {
        let mut tries = tokio::time::interval(Duration::from_millis(5));
        while self.metric(name) < least {
            tries.tick().await;
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The far end of a stream.
pub(crate) struct Station {
    /// None once the station has ended its side.
    sender: Option<mpsc::Sender<StationMessage>>,
    answers: Streaming<CollectorMessage>,
}

impl Station {
    pub(crate) async fn connect(channel: Channel, token: Option<&str>) -> Result<Self, Status> {
        let (sender, messages) = mpsc::channel(100);
        let mut request = Request::new(ReceiverStream::new(messages));
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        let mut client = IngestClient::new(channel).max_encoding_message_size(usize::MAX);
        let answers = client.stream(request).await?.into_inner();
        Ok(Self { sender: Some(sender), answers })
    }

    pub(crate) async fn send(&self, message: Message) {
        let sender = self.sender.as_ref().unwrap();
        sender.send(StationMessage { message: Some(message) }).await.unwrap();
    }

    /// Ends this side of the stream: nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        self.sender = None;
    }

    pub(crate) async fn hello(&self, hello: Hello) {
        self.send(Message::Hello(hello)).await;
    }

    pub(crate) async fn batch(&self, seq: u64, table: &str, payload: Vec<u8>) {
        let batch = ingest::Batch { seq, table: table.to_owned(), payload: payload.into() };
        self.send(Message::Batch(batch)).await;
    }

    /// A batch of `rows` rows that no other batch has.
    pub(crate) async fn rows(&self, seq: u64, table: &'static Table, rows: usize) {
        self.batch(seq, table.name, encode(&distinct(table, seq, rows))).await;
    }

    pub(crate) async fn gap(&self, first_seq: u64, last_seq: u64) {
        let reason = "size_cap".to_owned();
        self.send(Message::Gap(Gap { first_seq, last_seq, reason })).await;
    }

    /// The next answer; `None` when the stream has ended.
    pub(crate) async fn answer(&mut self) -> Result<Option<Answer>, Status> {
        let answer = tokio::time::timeout(Duration::from_secs(30), self.answers.message());
        let answer = answer.await.expect("an answer within 30 s")?;
        Ok(answer.map(|answer| answer.message.unwrap()))
    }

    /// The highest marker of the Welcome.
    pub(crate) async fn welcome(&mut self) -> u64 {
        match self.answer().await.unwrap() {
            Some(Answer::Welcome(welcome)) => {
                welcome.committed.values().copied().max().unwrap_or_default()
            }
            other => panic!("{other:?} instead of a Welcome"),
        }
    }

    /// Waits for the acknowledgement of `seq`; what was rejected before it.
    pub(crate) async fn acknowledged(&mut self, seq: u64) -> Vec<Reject> {
        let mut rejects = Vec::new();
        loop {
            match self.answer().await.unwrap() {
                Some(Answer::Ack(Ack { seq: acknowledged })) => {
                    assert!(acknowledged <= seq, "{acknowledged} was never sent");
                    if acknowledged == seq {
                        return rejects;
                    }
                }
                Some(Answer::Reject(reject)) => rejects.push(reject),
                other => panic!("{other:?} instead of the ack of {seq}"),
            }
        }
    }

    /// Waits for the request to come again, past acknowledgements, and for the
    /// end of the stream.
    pub(crate) async fn retry(&mut self) -> Retry {
        loop {
            match self.answer().await.unwrap() {
                Some(Answer::Ack(_)) => {}
                Some(Answer::Retry(retry)) => {
                    assert_eq!(self.answer().await.unwrap(), None);
                    return retry;
                }
                other => panic!("{other:?} instead of a Retry"),
            }
        }
    }

    pub(crate) async fn told_to_retry(&mut self, reason: RetryReason) -> String {
        let retry = self.retry().await;
        assert_eq!(retry.reason(), reason, "{}", retry.detail);
        assert!(retry.after_ms > 0);
        retry.detail
    }

    /// The status that ends the stream.
    pub(crate) async fn refused(&mut self) -> Status {
        loop {
            match self.answer().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without a status"),
                Err(status) => return status,
            }
        }
    }
}

pub(crate) fn hello(spool_id: &str) -> Hello {
    let station = trigpoint_record::Station { site: "lga03".into(), ..Default::default() };
    let tables = TABLES.iter().map(|table| schema(table)).collect();
    Hello { spool_id: spool_id.to_owned(), station: Some(station.into()), tables }
}

pub(crate) fn described<'a>(hello: &'a mut Hello, table: &str) -> &'a mut TableSchema {
    hello.tables.iter_mut().find(|described| described.table == table).unwrap()
}

/// Rows with a `flow_id` of their own and times, all else absent.
pub(crate) fn distinct(table: &'static Table, seq: u64, rows: usize) -> Batch {
    let mut batch = Batch::new(table);
    for n in 0..rows {
        let row = table.columns.iter().map(|column| match (column.name, column.kind) {
            ("flow_id", _) => Value::Text(format!("flow_{seq}_{n}")),
            ("n", _) => Value::Int(n as i64),
            (_, Kind::Time) => Value::Time(MIDNIGHT + n as i64),
            _ => Value::Null,
        });
        batch.push(row.collect()).unwrap();
    }
    batch
}
