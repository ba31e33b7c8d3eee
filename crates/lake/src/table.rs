//! One Delta table that is kept open: made, grown and refreshed.
//!
//! The snapshot is advanced by the commits since the last one, never loaded
//! anew: opening a table again for each commit triples its time
//! (reference/dataplane.md, section 5).

use std::time::Instant;

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, MetadataExt as _};
use deltalake::logstore::LogStoreRef;
use deltalake::logstore::commit_uri_from_version;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::DeltaOperation;
use deltalake::table::state::DeltaTableState;
use deltalake::{DeltaResult, DeltaTable};
use object_store::{Error as StoreError, GetOptions};
use trigpoint_record::Table;

use crate::markers::Markers;
use crate::store::Durably;
use crate::{Error, schema};

/// Rivals may grow the same table at the same time; each of them wins once.
const GROW_ATTEMPTS: u32 = 5;

/// Markers of streams that have moved none for so long are forgotten: longer
/// than a spool may stay offline, or a station without a test.  One that is
/// forgotten earlier would let its batches in twice, and make everything before
/// the next one look lost.
pub(crate) const MARKER_RETENTION_DAYS: i64 = 365;
/// The operation of an error that says: the markers of the loaded version
/// cannot be read, maybe since its log was cleaned away.
pub(crate) const READ_MARKERS: &str = "read the markers of";

/// A table of the lake as this process last saw it.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) definition: &'static Table,
    pub(crate) delta: DeltaTable,
    /// Up to this version the log is known to be durable.
    durable: Option<u64>,
    markers: Markers,
    looked: Looked,
}

/// When the newest version was last looked for: what was committed before the
/// beginning is in the snapshot, what was committed after the end is not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl Open {
    fn new(definition: &'static Table, delta: DeltaTable) -> Self {
        let now = Instant::now();
        let looked = Looked { from: now, until: now };
        Self { definition, delta, durable: None, markers: Markers::default(), looked }
    }

    /// The table for reading, or `None` while nobody has made it.
    pub(crate) async fn existing(
        definition: &'static Table,
        log_store: LogStoreRef,
    ) -> Result<Option<Self>, Error> {
        let mut open = Self::new(definition, DeltaTable::new(LogStoreRef::clone(&log_store)));
        if open.refresh().await.is_err() {
            // Asked only now: it lists the whole log, a day of which may be long.
            let failed = Error::delta("find", definition.name);
            if !log_store.is_delta_table_location().await.map_err(failed)? {
                return Ok(None);
            }
            // A rival may have made it meanwhile.
            open.refresh().await?;
        }
        Ok(Some(open))
    }

    /// The table for writing: made when it is missing, grown by the columns
    /// that this version writes and it lacks.
    pub(crate) async fn for_writing(
        definition: &'static Table,
        log_store: LogStoreRef,
    ) -> Result<Self, Error> {
        let existing = Self::existing(definition, LogStoreRef::clone(&log_store)).await?;
        let mut open = match existing {
            Some(open) => open,
            None => Self::create(definition, log_store).await?,
        };
        open.grow().await?;
        Ok(open)
    }

    async fn create(definition: &'static Table, log_store: LogStoreRef) -> Result<Self, Error> {
        let schema = schema::delta_schema(definition)?;
        let created = CreateBuilder::new()
            .with_log_store(LogStoreRef::clone(&log_store))
            .with_table_name(definition.name)
            .with_comment(definition.doc)
            .with_columns(schema.fields().cloned())
            .with_partition_columns([schema::DATE])
            .with_configuration(properties(definition).map(|(key, value)| (key, Some(value))))
            // delta-rs would put its metadata over a rival's at the next version.
            .with_commit_properties(commit_properties().with_max_retries(0))
            .await;
        match created {
            Ok(delta) => Ok(Self::new(definition, delta)),
            // A rival may have been first; its table is as good.
            Err(error) => match Self::existing(definition, log_store).await {
                Ok(Some(open)) => Ok(open),
                _ => Err(Error::delta("create", definition.name)(error)),
            },
        }
    }

    /// Adds the columns that this version writes and the table lacks.
    async fn grow(&mut self) -> Result<(), Error> {
        let written = schema::delta_schema(self.definition)?;
        for _ in 0..GROW_ATTEMPTS {
            let stored = self.snapshot("load")?.schema();
            let Some(merged) = schema::merge(self.definition, &stored, &written)? else {
                return Ok(());
            };
            let new: Vec<_> = merged
                .fields()
                .filter(|field| stored.field(field.name()).is_none())
                .cloned()
                .collect();
            match self.commit_schema(&merged, DeltaOperation::AddColumn { fields: new }).await {
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, table = self.definition.name, "grow again"),
            }
            self.refresh().await?;
        }
        Err(Error::Contended { table: self.definition.name, attempts: GROW_ATTEMPTS })
    }

    async fn commit_schema(
        &mut self,
        schema: &deltalake::kernel::StructType,
        operation: DeltaOperation,
    ) -> DeltaResult<()> {
        let metadata = self.delta.snapshot()?.metadata().clone().with_schema(schema)?;
        CommitBuilder::from(commit_properties())
            .with_actions(vec![Action::Metadata(metadata)])
            .build(Some(self.delta.snapshot()?), self.delta.log_store(), operation)
            .await?;
        Ok(())
    }

    /// Takes in what was committed since the last look.
    pub(crate) async fn refresh(&mut self) -> Result<(), Error> {
        let from = Instant::now();
        self.delta
            .update_incremental(None)
            .await
            .map_err(Error::delta("load", self.definition.name))?;
        self.looked = Looked { from, until: Instant::now() };
        Ok(())
    }

    pub(crate) fn looked(&self) -> Looked {
        self.looked
    }

    /// Makes durable what this process has seen of the log, before anybody
    /// trusts a marker in it.
    ///
    /// An entry is visible a moment before its name is durable.  Whoever wrote
    /// it may have been killed in that moment, or have failed to sync; what is
    /// acknowledged because of it would go with the next power cut.
    pub(crate) async fn settle(&mut self) -> Result<(), Error> {
        let version = self.delta.version();
        if version == self.durable || self.delta.log_store().root_url().scheme() != "file" {
            return Ok(());
        }
        let entry = commit_uri_from_version(version);
        let options = GetOptions::new().with_head(true).with_extensions(Durably::extensions());
        match self.delta.object_store().get_opts(&entry, options).await {
            // One that was cleaned away has been durable for long.
            Ok(_) | Err(StoreError::NotFound { .. }) => {}
            Err(source) => {
                let path = format!("{}/{entry}", self.definition.name);
                return Err(Error::Sync { path, source });
            }
        }
        self.durable = version;
        Ok(())
    }

    /// Takes over the table as a commit of this process left it, which is durable
    /// with all before it and has moved `markers`.
    pub(crate) fn committed(
        &mut self,
        state: DeltaTableState,
        markers: impl IntoIterator<Item = (String, u64)>,
    ) {
        self.markers.committed(state.version(), markers);
        self.durable = Some(state.version());
        self.delta.state = Some(state);
    }

    /// The sequence number below and at which a stream's batches are stored.
    pub(crate) async fn marker(&mut self, app_id: &str) -> Result<Option<u64>, Error> {
        let state = self.snapshot("load")?;
        let version = state.version();
        if let Some(marker) = self.markers.at(version, app_id) {
            return Ok(Some(marker));
        }
        let marker = state
            .transaction_version(self.delta.log_store().as_ref(), app_id)
            .await
            .map_err(Error::delta(READ_MARKERS, self.definition.name))?
            .and_then(|marker| u64::try_from(marker).ok());
        if let Some(marker) = marker {
            self.markers.found(version, app_id, marker);
        }
        Ok(marker)
    }

    pub(crate) fn snapshot(&self, operation: &'static str) -> Result<&DeltaTableState, Error> {
        self.delta.snapshot().map_err(Error::delta(operation, self.definition.name))
    }
}

/// What every commit of ours has in common: log clean-up lists the whole log
/// and belongs to maintenance.
pub(crate) fn commit_properties() -> CommitProperties {
    CommitProperties::default().with_cleanup_expired_logs(Some(false))
}

/// reference/dataplane.md sections 4, 5 and 11 say what each of these bounds.
fn properties(table: &Table) -> [(&'static str, String); 5] {
    [
        ("delta.checkpointInterval", "50".to_owned()),
        ("delta.deletedFileRetentionDuration", "interval 6 hours".to_owned()),
        ("delta.logRetentionDuration", "interval 24 hours".to_owned()),
        ("delta.setTransactionRetentionDuration", format!("interval {MARKER_RETENTION_DAYS} days")),
        ("delta.dataSkippingStatsColumns", schema::statistics_columns(table).join(",")),
    ]
}
