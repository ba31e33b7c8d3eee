//! A multipart upload into a staging file.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt as _;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::{DurableStore, Place, STORE};

/// Parts go to their place in the staging file; nothing is visible under the
/// object's name before `complete`, and the staging file goes when the upload
/// is dropped.
#[derive(Debug)]
pub(super) struct Upload {
    store: DurableStore,
    location: Path,
    path: PathBuf,
    staged: Option<(Arc<File>, PathBuf)>,
    offset: u64,
}

impl Upload {
    pub(super) fn new(
        store: DurableStore,
        location: Path,
        path: PathBuf,
        file: File,
        staged: PathBuf,
    ) -> Self {
        Self { store, location, path, staged: Some((Arc::new(file), staged)), offset: 0 }
    }
}

fn aborted() -> Error {
    Error::Generic { store: STORE, source: "the upload was completed or aborted before".into() }
}

#[async_trait::async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let Some((file, _)) = &self.staged else {
            return std::future::ready(Err(aborted())).boxed();
        };
        let (store, location, file) = (self.store.clone(), self.location.clone(), Arc::clone(file));
        let mut offset = self.offset;
        self.offset += data.content_length() as u64;
        async move {
            let write = move |_: &super::Disk| {
                for bytes in &data {
                    file.write_all_at(bytes, offset)?;
                    offset += bytes.len() as u64;
                }
                Ok(())
            };
            store.blocking(&location, write).await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let (file, staged) = self.staged.take().ok_or_else(aborted)?;
        let path = self.path.clone();
        let place = move |disk: &super::Disk| disk.place(&file, &staged, &path, &Place::Over);
        self.store.blocking(&self.location, place).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        let (_, staged) = self.staged.take().ok_or_else(aborted)?;
        self.store.blocking(&self.location, move |_| fs::remove_file(staged)).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some((_, staged)) = self.staged.take() {
            // Nobody can be told; a left-over staging file is invisible.
            let _ = fs::remove_file(staged);
        }
    }
}
