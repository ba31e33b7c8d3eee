//! Tables and batches for this crate's tests.

use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use trigpoint_record::{Array, Batch, Column, Kind, Table, Value};

use crate::{DurableStore, Group, Lake, Rows, Sent};

/// 2026-11-24T00:00:00Z.
pub(crate) const MIDNIGHT: i64 = 1_795_478_400_000_000;

const fn column(id: u32, name: &'static str, kind: Kind, unit: &'static str) -> Column {
    Column::new(id, name, kind, unit, "What the column means.")
}

const NODE: Column = column(
    0,
    "node",
    Kind::Struct(&[column(1, "address", Kind::Text, ""), column(2, "rtt_us", Kind::Int, "µs")]),
    "",
);

const EARLIER_NODE: Column =
    column(0, "node", Kind::Struct(&[column(1, "address", Kind::Text, "")]), "");

/// One column of every kind.
pub(crate) static READINGS: Table = Table {
    name: "readings",
    doc: "Test table: one row per reading of a flow.",
    columns: &[
        column(1, "flow_id", Kind::Text, ""),
        column(2, "n", Kind::Int, ""),
        column(3, "start_time", Kind::Time, ""),
        column(4, "opened_time", Kind::Time, ""),
        column(5, "min_rtt_us", Kind::Int, "µs"),
        column(6, "share", Kind::Float, ""),
        column(7, "clean", Kind::Bool, ""),
        column(8, "raw", Kind::Bytes, ""),
        column(9, "nodes", Kind::List(&NODE), ""),
        column(10, "station", Kind::Struct(&[column(1, "site", Kind::Text, "")]), ""),
    ],
};

/// [`READINGS`] as an earlier version had it.
pub(crate) static EARLIER: Table = Table {
    name: "readings",
    doc: "Test table: one row per reading of a flow.",
    columns: &[
        column(1, "flow_id", Kind::Text, ""),
        column(2, "n", Kind::Int, ""),
        column(3, "start_time", Kind::Time, ""),
        column(4, "opened_time", Kind::Time, ""),
        column(9, "nodes", Kind::List(&EARLIER_NODE), ""),
    ],
};

/// [`READINGS`] with one column of another kind.
pub(crate) static CHANGED: Table = Table {
    name: "readings",
    doc: "Test table: one row per reading of a flow.",
    columns: &[
        column(1, "flow_id", Kind::Text, ""),
        column(2, "n", Kind::Text, ""),
        column(4, "opened_time", Kind::Time, ""),
    ],
};

/// A second table, without flows.
pub(crate) static EVENTS: Table = Table {
    name: "events",
    doc: "Test table: one row per event.",
    columns: &[column(1, "time", Kind::Time, ""), column(2, "event", Kind::Text, "")],
};

pub(crate) static TABLES: &[&Table] = &[&READINGS, &EVENTS];

pub(crate) fn lake(directory: &tempfile::TempDir) -> Lake {
    Lake::open_tables(&directory.path().join("lake").to_string_lossy(), TABLES).unwrap()
}

/// A row of [`READINGS`] of a flow that opened `opened` µs after [`MIDNIGHT`].
pub(crate) fn reading(flow: &str, n: i64, opened: i64) -> Vec<Value> {
    let node =
        |address: &str, rtt| Value::Struct(vec![Value::Text(address.to_owned()), Value::Int(rtt)]);
    vec![
        Value::Text(flow.to_owned()),
        Value::Int(n),
        Value::Time(MIDNIGHT + opened + n),
        Value::Time(MIDNIGHT + opened),
        if n == 0 { Value::Null } else { Value::Int(10_000 + n) },
        Value::Float(0.5),
        Value::Bool(n % 2 == 0),
        Value::Bytes(vec![0xab, n as u8]),
        Value::List(vec![node("192.0.2.1", 5), node("192.0.2.2", 7)]),
        Value::Struct(vec![Value::Text("abc01".to_owned())]),
    ]
}

/// What a station of the same version would send.
pub(crate) fn sent(table: &'static Table, rows: Vec<Vec<Value>>) -> (usize, Vec<Sent>) {
    let mut batch = Batch::new(table);
    let count = rows.len();
    for row in rows {
        batch.push(row).unwrap();
    }
    let columns = table.columns.iter().zip(batch.columns);
    (count, columns.map(|(column, array)| Sent { description: column.into(), array }).collect())
}

pub(crate) fn rows(table: &'static Table, seq: u64, rows: Vec<Vec<Value>>) -> Rows {
    let (count, columns) = sent(table, rows);
    Rows::convert(table, "spool-1", seq, count, columns).unwrap()
}

/// Batch `seq` of a stream: one row of flow `flow`, numbered `seq`.
pub(crate) fn group(app_id: &str, seq: u64, flow: &str) -> Group {
    let rows = vec![rows(&READINGS, seq, vec![reading(flow, seq as i64, 0)])];
    Group { app_id: app_id.to_owned(), last_seq: seq, rows }
}

pub(crate) fn ints(values: &[Option<i64>]) -> Array {
    let mut array = Array::new(Kind::Int);
    for value in values {
        array.push_int(*value);
    }
    array
}

/// The answer as CSV without its header, one string per row.
pub(crate) async fn csv(lake: &Lake, sql: &str) -> Vec<String> {
    let answer = lake.session().query(sql).await.unwrap();
    let mut text = Vec::new();
    crate::write(answer, crate::Format::Csv, &mut text).await.unwrap();
    String::from_utf8(text).unwrap().lines().skip(1).map(str::to_owned).collect()
}

/// A store whose next puts and deletes of matching objects go wrong.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: DurableStore,
    faults: Faults,
}

/// What goes wrong at the put, or else the delete, of an object whose path
/// contains this.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The object is there, the caller is told that it failed.
    AnswerLost(&'static str),
    /// Nothing is there.
    Refused(&'static str),
    /// The object is there, whatever was there before and whatever was asked.
    Overwritten(&'static str),
    /// The client has put it twice, since the first answer was lost.
    PutTwice(&'static str),
    /// A rival's commit is there instead, which holds the same and moves the
    /// markers from 2 to 9.
    Overtaken(&'static str),
    /// The object cannot be deleted.
    Undeletable(&'static str),
}

impl Fault {
    fn is_of_deletes(self) -> bool {
        matches!(self, Self::Undeletable(_))
    }
}

type Faults = Arc<Mutex<Vec<Fault>>>;

/// Takes out the first fault that `location` meets in a put or a delete.
fn met(faults: &Faults, location: &Path, in_delete: bool) -> Option<Fault> {
    let mut faults = faults.lock().unwrap();
    let met = faults.iter().position(|fault| {
        let (Fault::AnswerLost(part)
        | Fault::Refused(part)
        | Fault::Overwritten(part)
        | Fault::PutTwice(part)
        | Fault::Overtaken(part)
        | Fault::Undeletable(part)) = fault;
        fault.is_of_deletes() == in_delete && location.as_ref().contains(part)
    })?;
    Some(faults.remove(met))
}

impl Faulty {
    pub(crate) fn lake(directory: &tempfile::TempDir) -> (Arc<Self>, Lake) {
        let top = directory.path().join("lake");
        let inner = DurableStore::new(top.clone());
        let store = Arc::new(Self { inner, faults: Faults::default() });
        let lake = Lake::with_store(Arc::<Self>::clone(&store), &top, TABLES).unwrap();
        (store, lake)
    }

    pub(crate) fn inject(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend_from_slice(faults);
    }

    /// Faults that nothing has met yet.
    pub(crate) fn left(&self) -> usize {
        self.faults.lock().unwrap().len()
    }

    fn fault(&self, location: &Path) -> Option<Fault> {
        met(&self.faults, location, false)
    }
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Faulty")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let error = || Err(object_store::Error::Generic { store: "Faulty", source: "gone".into() });
        match self.fault(location) {
            Some(Fault::Refused(_)) => error(),
            Some(Fault::AnswerLost(_)) => {
                self.inner.put_opts(location, payload, options).await?;
                error()
            }
            Some(Fault::Overwritten(_)) => {
                self.inner.put_opts(location, payload, PutOptions::default()).await
            }
            Some(Fault::PutTwice(_)) => {
                self.inner.put_opts(location, payload.clone(), options.clone()).await?;
                self.inner.put_opts(location, payload, options).await
            }
            Some(Fault::Overtaken(_)) => {
                let ours: Vec<u8> = payload.iter().flatten().copied().collect();
                let rivals =
                    String::from_utf8(ours).unwrap().replace(r#""version":2"#, r#""version":9"#);
                self.inner.put_opts(location, rivals.into(), options).await?;
                error()
            }
            Some(Fault::Undeletable(_)) | None => {
                self.inner.put_opts(location, payload, options).await
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if self.fault(location).is_some() {
            return Err(object_store::Error::Generic { store: "Faulty", source: "gone".into() });
        }
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let faults = Faults::clone(&self.faults);
        let locations = locations.map(move |location| match location {
            Ok(location) if met(&faults, &location, true).is_some() => {
                Err(object_store::Error::Generic { store: "Faulty", source: "stays".into() })
            }
            location => location,
        });
        self.inner.delete_stream(locations.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
