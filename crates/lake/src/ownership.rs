//! Which account a spool belongs to.
//!
//! `spools/SPOOL_ID` holds the account that brought the spool first.  Rows name
//! their spool and batch, and tables are checked by these two: another account's
//! rows under the same name would pass for batches that were lost, or make
//! whole ones look doubled.  Must never give a spool to a second account.

use bytes::Bytes;
use object_store::{
    Error as StoreError, GetOptions, ObjectStore, PutMode, path::Path, prefix::PrefixStore,
};
use std::sync::Arc;

use crate::store::Durably;
use crate::{Error, Lake};

type Store = PrefixStore<Arc<dyn ObjectStore>>;

impl Lake {
    /// The account that the spool belongs to, durably: `account`, when nobody
    /// has brought the spool before.
    pub async fn spool_owner(&self, spool_id: &str, account: &str) -> Result<String, Error> {
        let (store, path) = (self.store(), Path::from_iter(["spools", spool_id]));
        if let Some(owner) = read(&store, &path).await? {
            return Ok(owner);
        }
        let claim = Bytes::copy_from_slice(account.as_bytes());
        match store.put_opts(&path, claim.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(account.to_owned()),
            // Another collector was faster, or an answer to this one was lost.
            Err(error) => match read(&store, &path).await? {
                Some(owner) => Ok(owner),
                None => Err(Error::Object { path: path.to_string(), source: error }),
            },
        }
    }
}

async fn read(store: &Store, path: &Path) -> Result<Option<String>, Error> {
    let failed = |source| Error::Read { path: path.to_string(), source };
    let options = GetOptions::new().with_extensions(Durably::extensions());
    match store.get_opts(path, options).await {
        Ok(found) => {
            let owner = found.bytes().await.map_err(failed)?;
            Ok(Some(String::from_utf8_lossy(&owner).into_owned()))
        }
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(source) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fault, Faulty, lake};

    #[tokio::test]
    async fn a_spool_belongs_to_the_first_account_that_brings_it() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (lake(&directory), lake(&directory));
        assert_eq!(one.spool_owner("spool", "lga03").await.unwrap(), "lga03");
        assert_eq!(other.spool_owner("spool", "fra01").await.unwrap(), "lga03");
        assert_eq!(one.spool_owner("spool", "lga03").await.unwrap(), "lga03");
        assert_eq!(other.spool_owner("another", "fra01").await.unwrap(), "fra01");
    }

    #[tokio::test]
    async fn many_collectors_at_once_see_one_owner() {
        let directory = tempfile::tempdir().unwrap();
        let claims = (0..8).map(|collector| {
            let lake = lake(&directory);
            async move { lake.spool_owner("spool", &format!("account-{collector}")).await.unwrap() }
        });
        let owners = futures::future::join_all(claims).await;
        assert!(owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
    }

    #[tokio::test]
    async fn a_claim_whose_answer_was_lost_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let (store, lake) = Faulty::lake(&directory);
        store.inject(&[Fault::AnswerLost("spools/spool")]);
        assert_eq!(lake.spool_owner("spool", "lga03").await.unwrap(), "lga03");
        store.inject(&[Fault::Refused("spools/other")]);
        assert!(lake.spool_owner("other", "lga03").await.is_err());
        assert_eq!(store.left(), 0);
    }
}
