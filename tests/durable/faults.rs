//! An object store, and a disk below it, on which something goes wrong at a
//! call that was named beforehand: the process ends, or the call fails.

use std::fmt;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use serde::{Deserialize, Serialize};

use super::child::{self, say};

/// A call on the store, or on the disk below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Call {
    Put,
    Delete,
    /// fsync of a file or directory.
    Sync,
}

/// Before the call has done anything, or when it is done and not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Moment {
    Before,
    After,
}

/// What happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deed {
    /// The process is killed.
    Kill,
    /// The call answers with an error.
    Fail,
    /// The calling task panics.
    Panic,
}

/// At which call what goes wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    /// Parts of the path in their order, with `*` between them.
    pub(crate) path: String,
    pub(crate) moment: Moment,
    /// Of the calls that match, counted from 1.
    pub(crate) nth: u32,
    pub(crate) deed: Deed,
}

impl Fault {
    pub(crate) fn kill(call: Call, path: &str, moment: Moment, nth: u32) -> Self {
        Self { call, path: path.to_owned(), moment, nth, deed: Deed::Kill }
    }
}

/// The faults of one process, each of which happens once.
#[derive(Debug, Default)]
pub(crate) struct Plan(Vec<(Fault, AtomicU32)>);

impl Plan {
    pub(crate) fn new(faults: Vec<Fault>) -> Arc<Self> {
        Arc::new(Self(faults.into_iter().map(|fault| (fault, AtomicU32::new(0))).collect()))
    }

    /// Does what is planned for this call; true when the call has to fail.
    pub(crate) fn reached(&self, call: Call, path: &str, moment: Moment) -> bool {
        let mut fails = false;
        for (fault, seen) in &self.0 {
            if fault.call != call || fault.moment != moment || !matches(&fault.path, path) {
                continue;
            }
            if seen.fetch_add(1, Ordering::Relaxed) + 1 != fault.nth {
                continue;
            }
            let what = format!("{moment:?} {call:?} {path}");
            match fault.deed {
                Deed::Kill => kill(&what),
                Deed::Fail => {
                    say(format_args!("met {what}"));
                    fails = true;
                }
                Deed::Panic => {
                    say(format_args!("met {what}"));
                    panic!("planned: {what}");
                }
            }
        }
        fails
    }

    fn check(&self, call: Call, path: &Path, moment: Moment) -> Result<()> {
        if self.reached(call, path.as_ref(), moment) {
            let source = format!("planned: {moment:?} {call:?} {path}").into();
            return Err(Error::Generic { store: "Faults", source });
        }
        Ok(())
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut rest = path;
    pattern.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// Says why, and ends this process as a SIGKILL from outside would.
fn kill(why: &str) -> ! {
    say(format_args!("killed {why}"));
    child::kill(rustix::process::getpid());
    loop {
        std::thread::park();
    }
}

/// The store that stands between a lake and its real one.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) plan: Arc<Plan>,
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Faults({})", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faults {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.plan.check(Call::Put, location, Moment::Before)?;
        let put = self.inner.put_opts(location, payload, options).await?;
        self.plan.check(Call::Put, location, Moment::After)?;
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(Upload { inner, location: location.clone(), plan: Arc::clone(&self.plan) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (before, after) = (Arc::clone(&self.plan), Arc::clone(&self.plan));
        let locations = locations.map(move |location| {
            let location = location?;
            before.check(Call::Delete, &location, Moment::Before)?;
            Ok(location)
        });
        let deleted = self.inner.delete_stream(locations.boxed());
        deleted
            .map(move |location| {
                let location = location?;
                after.check(Call::Delete, &location, Moment::After)?;
                Ok(location)
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A put in parts happens when it is completed.
#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
    location: Path,
    plan: Arc<Plan>,
}

#[async_trait::async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.plan.check(Call::Put, &self.location, Moment::Before)?;
        let put = self.inner.complete().await?;
        self.plan.check(Call::Put, &self.location, Moment::After)?;
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

/// The disk's part of a plan, in front of the real fsync.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) plan: Arc<Plan>,
    /// Keeps track of what would survive, if anybody wants to know.
    pub(crate) cache: Option<super::page_cache::PageCache>,
}

impl trigpoint_lake::Fsync for Disk {
    fn fsync(&self, path: &FilePath, file: &std::fs::File) -> std::io::Result<()> {
        let name = path.to_string_lossy();
        if self.plan.reached(Call::Sync, &name, Moment::Before) {
            return Err(std::io::Error::other("planned"));
        }
        match &self.cache {
            // It stands in for the disk: only the double forgets.
            Some(cache) => cache.synced(path, file)?,
            None => file.sync_all()?,
        }
        if self.plan.reached(Call::Sync, &name, Moment::After) {
            return Err(std::io::Error::other("planned"));
        }
        Ok(())
    }
}
