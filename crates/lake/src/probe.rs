//! The proof that the store keeps its word, before anybody relies on it.
//!
//! A Delta commit is the put-if-absent of the next log entry.  A store that
//! overwrites in spite of the condition (s3rver does) would let the commits of
//! two writers, or of one whose answer was lost, replace each other.

use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt as _, PutMode};

use crate::error::in_one_line;
use crate::{Error, Lake};

impl Lake {
    /// Puts one object twice with put-if-absent, reads it, lists the root, and
    /// deletes the object: everything that the lake asks of its store.
    ///
    /// # Errors
    /// [`Error::NotExclusive`] when both puts succeeded, [`Error::Store`] when
    /// the store is out of reach or refuses one of these operations.
    pub async fn probe(&self) -> Result<(), Error> {
        let store = self.store();
        let path = Path::from(format!("_probe-{:032x}", rand::random::<u128>()));
        match put(&store, &path, "first").await {
            // Its own earlier attempt, of which the answer was lost.
            Ok(()) | Err(StoreError::AlreadyExists { .. }) => {}
            Err(error) => return Err(self.unusable("write to", &error)),
        }
        let verdict = self.exclusive(&store, &path).await;
        let removed = store.delete(&path).await;
        verdict?;
        removed.map_err(|error| self.unusable("delete from", &error))
    }

    async fn exclusive(&self, store: &impl ObjectStore, path: &Path) -> Result<(), Error> {
        match put(store, path, "second").await {
            Err(StoreError::AlreadyExists { .. }) => {}
            Ok(()) => return Err(Error::NotExclusive { location: self.url().to_string() }),
            Err(error) => return Err(self.unusable("write to", &error)),
        }
        let read = async { store.get(path).await?.bytes().await };
        let found = read.await.map_err(|error| self.unusable("read from", &error))?;
        if found != "first" {
            return Err(Error::NotExclusive { location: self.url().to_string() });
        }
        store
            .list_with_delimiter(None)
            .await
            .map(drop)
            .map_err(|error| self.unusable("list", &error))
    }

    fn unusable(&self, operation: &'static str, error: &StoreError) -> Error {
        let line = in_one_line(error);
        // `Error performing PUT URL in 10ms - 404 Not Found: …`: what the store
        // answers is enough where it answers that.
        let answer = line.split_once(" - ").map_or(line.as_str(), |(_, answer)| answer);
        let reason = match error {
            StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
                format!("the credentials are refused: {answer}")
            }
            StoreError::NotFound { .. } => answer.to_owned(),
            _ => line,
        };
        Error::Store { operation, location: self.url().to_string(), reason }
    }
}

async fn put(
    store: &impl ObjectStore,
    path: &Path,
    text: &'static str,
) -> object_store::Result<()> {
    store.put_opts(path, text.into(), PutMode::Create.into()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fault, Faulty, lake};

    fn objects(directory: &tempfile::TempDir) -> usize {
        std::fs::read_dir(directory.path().join("lake")).unwrap().count()
    }

    #[tokio::test]
    async fn a_directory_passes_and_nothing_stays_behind() {
        let directory = tempfile::tempdir().unwrap();
        lake(&directory).probe().await.unwrap();
        assert_eq!(objects(&directory), 0);
    }

    #[tokio::test]
    async fn a_store_that_takes_both_puts_is_refused_and_nothing_stays_behind() {
        let directory = tempfile::tempdir().unwrap();
        let (store, lake) = Faulty::lake(&directory);
        store.inject(&[Fault::Overwritten("_probe-"), Fault::Overwritten("_probe-")]);
        let refusal = lake.probe().await.unwrap_err().to_string();
        assert!(refusal.contains("put-if-absent"), "{refusal}");
        assert_eq!((store.left(), objects(&directory)), (0, 0));
    }
}
