//! A local directory as an object store whose puts survive a power cut.
//!
//! object_store 0.13 never calls fsync, so an acknowledged commit could vanish
//! with the machine.  Here an object is written to a staging file, synced,
//! and only then linked or renamed into place; then its directory is synced.
//! Nothing is visible under its name before its bytes are on the disk: a
//! reader, or a rival that builds on a log entry, never sees a torn one.
//! Must never report success before file and directories are durable.
//!
//! Staging files are called `NAME#NUMBER`, which `LocalFileSystem` leaves out
//! of its listings.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Extensions, GetOptions, GetResult, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

mod listing;
mod upload;

const STORE: &str = "DurableStore";

/// Makes a written file or directory durable.  A seam for tests, which watch
/// and forget; everything else uses the kernel's fsync.
pub trait Fsync: Send + Sync + fmt::Debug {
    /// Syncs `file`, which is open at `path`; directories come as files too.
    fn fsync(&self, path: &FilePath, file: &File) -> io::Result<()>;
}

#[derive(Debug)]
struct Kernel;

impl Fsync for Kernel {
    fn fsync(&self, _: &FilePath, file: &File) -> io::Result<()> {
        file.sync_all()
    }
}

/// In the extensions of a `get`: answer only once the object and its name
/// are durable, whoever wrote it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durably;

impl Durably {
    pub(crate) fn extensions() -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(Self);
        extensions
    }
}

/// `LocalFileSystem` with durable puts, copies and renames.
///
/// Paths are absolute, as with [`LocalFileSystem::new`].
#[derive(Debug, Clone)]
pub struct DurableStore {
    inner: Arc<LocalFileSystem>,
    disk: Arc<Disk>,
}

/// The blocking half.
#[derive(Debug)]
struct Disk {
    sync: Arc<dyn Fsync>,
    /// Every directory from here down to an object is synced into its parent.
    top: PathBuf,
    /// Directories whose own entry was synced by this process.
    settled: Mutex<HashSet<PathBuf>>,
}

impl DurableStore {
    /// A store for objects below `top`, an absolute path that need not exist.
    pub fn new(top: PathBuf) -> Self {
        Self::with_fsync(top, Arc::new(Kernel))
    }

    /// The same on a disk that a test watches.
    pub fn with_fsync(top: PathBuf, sync: Arc<dyn Fsync>) -> Self {
        let disk = Disk { sync, top, settled: Mutex::default() };
        Self { inner: Arc::new(LocalFileSystem::new()), disk: Arc::new(disk) }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(&Disk) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let disk = Arc::clone(&self.disk);
        match tokio::task::spawn_blocking(move || work(&disk)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(source)) => Err(error(path.to_string(), source)),
            Err(source) => Err(object_store::Error::JoinError { source }),
        }
    }
}

fn error(path: String, source: io::Error) -> object_store::Error {
    let kind = source.kind();
    let source = Box::new(source);
    match kind {
        io::ErrorKind::AlreadyExists => object_store::Error::AlreadyExists { path, source },
        io::ErrorKind::NotFound => object_store::Error::NotFound { path, source },
        io::ErrorKind::PermissionDenied => object_store::Error::PermissionDenied { path, source },
        _ => object_store::Error::Generic { store: STORE, source },
    }
}

impl Disk {
    /// Writes a staging file beside `path`; the caller puts it in place.
    fn stage(&self, path: &FilePath) -> io::Result<(File, PathBuf)> {
        for number in 1_u32.. {
            let mut name = path.as_os_str().to_owned();
            name.push(format!("#{number}"));
            let staged = PathBuf::from(name);
            match OpenOptions::new().write(true).create_new(true).open(&staged) {
                Ok(file) => return Ok((file, staged)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.make_directory(parent(path))?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Syncs the staged file and gives it its name, which is durable on return.
    fn place(
        &self,
        file: &File,
        staged: &FilePath,
        path: &FilePath,
        mode: &Place,
    ) -> io::Result<()> {
        let placed = self.sync.fsync(staged, file).and_then(|()| match mode {
            Place::Over => fs::rename(staged, path),
            Place::New => fs::hard_link(staged, path),
        });
        if placed.is_err() || matches!(mode, Place::New) {
            // A left-over staging file is invisible; the outcome is decided above.
            let _ = fs::remove_file(staged);
        }
        placed?;
        self.settle(parent(path))
    }

    fn put(&self, path: &FilePath, payload: &PutPayload, mode: &Place) -> io::Result<()> {
        let (mut file, staged) = self.stage(path)?;
        let written = payload.iter().try_for_each(|bytes| file.write_all(bytes));
        if let Err(error) = written {
            let _ = fs::remove_file(&staged);
            return Err(error);
        }
        self.place(&file, &staged, path, mode)
    }

    fn make_directory(&self, directory: &FilePath) -> io::Result<()> {
        let missing: Vec<_> = directory.ancestors().take_while(|path| !path.exists()).collect();
        fs::create_dir_all(directory)?;
        for path in missing.iter().rev() {
            self.sync_directory(parent(path))?;
        }
        // Below `top` a rival may have made a directory and not synced it yet.
        self.settled().retain(|path| !path.starts_with(directory));
        Ok(())
    }

    /// Makes an entry of `directory` durable, and once per process the entries
    /// of the directories above it.
    fn settle(&self, directory: &FilePath) -> io::Result<()> {
        self.sync_directory(directory)?;
        if self.settled().contains(directory) {
            return Ok(());
        }
        for path in directory.ancestors().take_while(|path| path.starts_with(&self.top)) {
            self.sync_directory(parent(path))?;
        }
        self.settled().insert(directory.to_owned());
        Ok(())
    }

    fn sync_directory(&self, directory: &FilePath) -> io::Result<()> {
        self.sync.fsync(directory, &File::open(directory)?)
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a staged file takes its name.
enum Place {
    /// Replaces what is there.
    Over,
    /// Fails when something is there: `link` is atomic and exclusive.
    New,
}

/// Whether a file of this name is a staging file.
pub(crate) fn is_staging(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// The directory `prefix`, and the name in it, if that is what `offset` is.
fn child(prefix: Option<&Path>, offset: &Path) -> Option<(Path, String)> {
    let prefix = prefix?;
    let mut names = offset.prefix_match(prefix)?;
    let name = names.next()?.as_ref().to_owned();
    names.next().is_none().then(|| (prefix.clone(), name))
}

fn parent(path: &FilePath) -> &FilePath {
    path.parent().unwrap_or(path)
}

fn unsupported(operation: &str) -> object_store::Error {
    let (operation, implementer) = (operation.to_owned(), STORE.to_owned());
    object_store::Error::NotImplemented { operation, implementer }
}

impl fmt::Display for DurableStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{STORE}({})", self.disk.top.display())
    }
}

#[async_trait::async_trait]
impl ObjectStore for DurableStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let mode = match options.mode {
            PutMode::Overwrite => Place::Over,
            PutMode::Create => Place::New,
            PutMode::Update(_) => return Err(unsupported("put with PutMode::Update")),
        };
        let path = self.inner.path_to_filesystem(location)?;
        self.blocking(location, move |disk| disk.put(&path, &payload, &mode)).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.inner.path_to_filesystem(location)?;
        let staging = path.clone();
        let (file, staged) = self.blocking(location, move |disk| disk.stage(&staging)).await?;
        Ok(Box::new(upload::Upload::new(self.clone(), location.clone(), path, file, staged)))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let mode = match options.mode {
            CopyMode::Overwrite => Place::Over,
            CopyMode::Create => Place::New,
        };
        let source = self.inner.path_to_filesystem(from)?;
        let target = self.inner.path_to_filesystem(to)?;
        self.blocking(to, move |disk| {
            let mut source = File::open(source)?;
            let (mut file, staged) = disk.stage(&target)?;
            if let Err(error) = io::copy(&mut source, &mut file) {
                let _ = fs::remove_file(&staged);
                return Err(error);
            }
            disk.place(&file, &staged, &target, &mode)
        })
        .await
    }

    // `rename_opts` stays the trait's copy and delete: the copy is durable first.

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let durably = options.extensions.get::<Durably>().is_some();
        let answer = self.inner.get_opts(location, options).await?;
        if durably {
            let path = self.inner.path_to_filesystem(location)?;
            let sync = move |disk: &Disk| {
                disk.sync.fsync(&path, &File::open(&path)?)?;
                disk.settle(parent(&path))
            };
            self.blocking(location, sync).await?;
        }
        Ok(answer)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        // Reads nothing before it is polled.
        let every_kind = self.inner.list_with_offset(prefix, offset);
        let Some((prefix, name)) = child(prefix, offset) else { return every_kind };
        let store = self.clone();
        let listing = async move {
            let (directory, of) = (store.inner.path_to_filesystem(&prefix)?, prefix.clone());
            let files = move |_: &Disk| listing::after(&directory, &of, &name);
            let files = store.blocking(&prefix, files).await?;
            Ok::<_, object_store::Error>(
                files.map_or(every_kind, |files| stream::iter(files).map(Ok).boxed()),
            )
        };
        stream::once(listing).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
}

#[cfg(test)]
mod tests;
