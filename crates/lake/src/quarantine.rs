//! Batches that can never become rows, kept as they came.
//!
//! `quarantine/TABLE/APP_ID/SEQ.payload`: the bytes of the batch's payload.
//! The caller then commits the stream's marker and answers with Reject, so a
//! poison batch never blocks its spool.  The privacy rule empties old ones
//! (`maintenance/privacy`), whose names stay.

use bytes::Bytes;
use object_store::{ObjectStoreExt as _, path::Path};

use crate::{Error, Lake};

/// Folder of the lake that they are in.
pub(crate) const FOLDER: &str = "quarantine";

impl Lake {
    /// Stores a batch's bytes durably; the path below the lake's root.
    /// Storing the same batch again replaces it.
    pub async fn quarantine(
        &self,
        app_id: &str,
        seq: u64,
        table: &str,
        payload: Bytes,
    ) -> Result<String, Error> {
        // `Path` escapes what could leave the directory: names come from outside.
        let name = format!("{seq:020}.payload");
        let below = Path::from_iter([FOLDER, table, app_id, name.as_str()]);
        self.store()
            .put(&below, payload.into())
            .await
            .map_err(|source| Error::Object { path: below.to_string(), source })?;
        Ok(below.to_string())
    }
}
