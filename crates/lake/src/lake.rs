//! A directory of Delta tables, open for writing and for queries.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use datafusion::execution::runtime_env::RuntimeEnv;
use deltalake::DeltaTable;
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use tokio::sync::Mutex;
use trigpoint_record::Table;
use url::Url;

use crate::table::Open;
use crate::writes::Writes;
use crate::{Error, Limits, QueryError, Session, store_at};

/// A lake: one Delta table per [`Table`], side by side below one root.
///
/// Cheap to clone; clones share their open tables.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<Inner>,
}

struct Inner {
    /// Paths from the root of the file system or bucket.
    store: Arc<dyn ObjectStore>,
    /// The lake's root, with a slash at its end.
    url: Url,
    definitions: Vec<&'static Table>,
    writers: Mutex<HashMap<&'static str, Writer>>,
    readers: Mutex<HashMap<&'static str, Writer>>,
    writes: Writes,
    /// What queries without limits have in common: the footers of files that were read.
    runtime: Arc<RuntimeEnv>,
}

/// A table that at most one task uses at a time; `None` until it is loaded.
type Writer = Arc<Mutex<Option<Open>>>;

impl Lake {
    /// Opens the lake in a directory (a path or a `file://` URL) or a bucket
    /// (`s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`), see [`store_at`].
    ///
    /// Reads and makes nothing: tables appear with their first append, and a
    /// lake that does not exist yet is an empty one.
    pub fn open(location: &str) -> Result<Self, Error> {
        Self::open_tables(location, trigpoint_record::TABLES)
    }

    /// [`Lake::open`] with other tables than [`trigpoint_record::TABLES`].
    pub fn open_tables(location: &str, tables: &[&'static Table]) -> Result<Self, Error> {
        let (store, url) = store_at(location)?;
        Ok(Self::with_store_at(store, url, tables))
    }

    /// A lake on a store of the caller's, whose paths start at the root of the
    /// file system, below `directory` there.
    pub fn with_store(
        store: Arc<dyn ObjectStore>,
        directory: &FilePath,
        tables: &[&'static Table],
    ) -> Result<Self, Error> {
        let url = Url::from_directory_path(directory).map_err(|()| Error::Location {
            location: directory.display().to_string(),
            reason: "the path is not absolute".to_owned(),
        })?;
        Ok(Self::with_store_at(store, url, tables))
    }

    /// A lake on a store of the caller's, whose paths start at the root of the
    /// file system or bucket, below `url` there, which ends with a slash.
    pub fn with_store_at(store: Arc<dyn ObjectStore>, url: Url, tables: &[&'static Table]) -> Self {
        let inner = Inner {
            store,
            url,
            definitions: tables.to_vec(),
            writers: Mutex::default(),
            readers: Mutex::default(),
            writes: Writes::default(),
            runtime: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The lake's root, with a slash at its end.
    pub fn url(&self) -> &Url {
        &self.inner.url
    }

    /// Whether the lake is a local directory, and no bucket.
    pub fn is_on_disk(&self) -> bool {
        self.inner.url.scheme() == "file"
    }

    /// The markers of a stream: the last sequence number that is durable, for
    /// each table that has one.
    pub async fn committed(&self, app_id: &str) -> Result<BTreeMap<String, u64>, Error> {
        let mut markers = BTreeMap::new();
        for table in self.tables() {
            let reader = self.reader(table).await;
            let mut reader = reader.lock().await;
            if let Some(open) = self.refreshed(table, &mut reader).await?
                && let Some(seq) = open.marker(app_id).await?
            {
                open.settle().await?;
                markers.insert(table.name.to_owned(), seq);
            }
        }
        Ok(markers)
    }

    /// SQL over the tables; every query sees what was committed before it.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// [`Lake::session`] whose queries take no more than `limits`.
    pub fn session_within(&self, limits: &Limits) -> Result<Session, QueryError> {
        Session::within(self.clone(), limits)
    }

    /// The tables this lake knows, present or not.
    pub fn tables(&self) -> &[&'static Table] {
        &self.inner.definitions
    }

    /// A table's newest snapshot, or `None` while nobody has made it.
    pub(crate) async fn snapshot(
        &self,
        table: &'static Table,
    ) -> Result<Option<DeltaTable>, Error> {
        Ok(self.snapshot_of(table, Instant::now()).await?.map(|(delta, _)| delta))
    }

    /// A table's snapshot with everything that was committed before `not_before`,
    /// and with nothing that was committed after the moment beside it; `None` while
    /// nobody has made the table.
    pub(crate) async fn snapshot_of(
        &self,
        table: &'static Table,
        not_before: Instant,
    ) -> Result<Option<(DeltaTable, Instant)>, Error> {
        let reader = self.reader(table).await;
        let mut reader = reader.lock().await;
        let of = |open: &Open| (open.delta.clone(), open.looked().until);
        if let Some(open) = reader.as_ref().filter(|open| open.looked().from >= not_before) {
            return Ok(Some(of(open)));
        }
        Ok(self.refreshed(table, &mut reader).await?.map(|open| of(open)))
    }

    async fn refreshed<'a>(
        &self,
        table: &'static Table,
        reader: &'a mut Option<Open>,
    ) -> Result<Option<&'a mut Open>, Error> {
        if let Some(open) = reader
            && let Err(error) = open.refresh().await
        {
            // Such as a log entry that was cleaned away meanwhile.
            tracing::debug!(%error, table = table.name, "load all of it again");
            *reader = None;
        }
        if reader.is_none() {
            *reader = Open::existing(table, self.log_store(table)).await?;
        }
        Ok(reader.as_mut())
    }

    /// The table as this process writes it; a long append holds its lock.
    pub(crate) async fn writer(&self, table: &'static Table) -> Writer {
        Arc::clone(self.inner.writers.lock().await.entry(table.name).or_default())
    }

    /// The table as this process reads it, which no append keeps waiting.
    async fn reader(&self, table: &'static Table) -> Writer {
        Arc::clone(self.inner.readers.lock().await.entry(table.name).or_default())
    }

    pub(crate) fn log_store(&self, table: &Table) -> LogStoreRef {
        let mut url = self.inner.url.clone();
        url.set_path(&format!("{}{}/", url.path(), table.name));
        let root = Arc::clone(&self.inner.store);
        let prefixed = PrefixStore::new(Arc::clone(&root), object_path(&url));
        default_logstore(Arc::new(prefixed), root, &url, &StorageConfig::default())
    }

    /// What this process writes and has not committed.
    pub(crate) fn writes(&self) -> &Writes {
        &self.inner.writes
    }

    /// Where queries without limits run.
    pub(crate) fn runtime(&self) -> Arc<RuntimeEnv> {
        Arc::clone(&self.inner.runtime)
    }

    /// The lake's root on the local disk; `None` for a bucket.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        self.is_on_disk().then(|| self.inner.url.to_file_path().ok()).flatten()
    }

    /// The store with its root at the lake's.
    pub(crate) fn store(&self) -> PrefixStore<Arc<dyn ObjectStore>> {
        PrefixStore::new(Arc::clone(&self.inner.store), object_path(&self.inner.url))
    }
}

impl fmt::Debug for Lake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lake")
            .field("url", &self.inner.url.as_str())
            .finish_non_exhaustive()
    }
}

fn object_path(url: &Url) -> Path {
    Path::from_url_path(url.path()).unwrap_or_default()
}
