//! One Delta table that is kept open: made, grown and refreshed.
//!
//! The snapshot is advanced by the commits since the last one, never loaded
//! anew: opening a table again for each commit triples its time
//! (reference/dataplane.md, section 5).

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, MetadataExt as _};
use deltalake::logstore::LogStoreRef;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::DeltaOperation;
use deltalake::{DeltaResult, DeltaTable};
use trigpoint_record::Table;

use crate::{Error, schema};

/// Rivals may grow the same table at the same time; each of them wins once.
const GROW_ATTEMPTS: u32 = 5;

/// A table of the lake as this process last saw it.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) definition: &'static Table,
    pub(crate) delta: DeltaTable,
}

impl Open {
    /// The table for reading, or `None` while nobody has made it.
    pub(crate) async fn existing(
        definition: &'static Table,
        log_store: LogStoreRef,
    ) -> Result<Option<Self>, Error> {
        let failed = Error::delta("find", definition.name);
        if !log_store.is_delta_table_location().await.map_err(failed)? {
            return Ok(None);
        }
        let mut open = Self { definition, delta: DeltaTable::new(log_store) };
        open.refresh().await?;
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
            .await;
        match created {
            Ok(delta) => Ok(Self { definition, delta }),
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
        self.delta
            .update_incremental(None)
            .await
            .map_err(Error::delta("load", self.definition.name))
    }

    /// The sequence number below and at which a stream's batches are stored.
    pub(crate) async fn marker(&self, app_id: &str) -> Result<Option<u64>, Error> {
        let log_store = self.delta.log_store();
        let version = self
            .snapshot("load")?
            .transaction_version(log_store.as_ref(), app_id)
            .await
            .map_err(Error::delta("read the markers of", self.definition.name))?;
        Ok(version.and_then(|version| u64::try_from(version).ok()))
    }

    pub(crate) fn snapshot(
        &self,
        operation: &'static str,
    ) -> Result<&deltalake::table::state::DeltaTableState, Error> {
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
        // Longer than a spool may stay offline: a marker that is forgotten
        // earlier would let its batches in twice.
        ("delta.setTransactionRetentionDuration", "interval 30 days".to_owned()),
        ("delta.dataSkippingStatsColumns", schema::statistics_columns(table).join(",")),
    ]
}
