use std::collections::BTreeMap;

use object_store::ObjectStoreExt as _;

use super::*;
use crate::Lake;
use crate::testing::{READINGS, TABLES, csv, group};

/// Notes what was synced, and the file's size at that moment.
#[derive(Debug, Default)]
struct Watch(Mutex<Vec<(PathBuf, u64)>>);

impl Fsync for Watch {
    fn fsync(&self, path: &FilePath, file: &File) -> io::Result<()> {
        let metadata = file.metadata()?;
        let size = if metadata.is_dir() { 0 } else { metadata.len() };
        self.0.lock().unwrap().push((path.to_owned(), size));
        file.sync_all()
    }
}

/// Refuses every sync of a file, or of a directory.
#[derive(Debug)]
struct Refuse {
    directories: bool,
}

impl Fsync for Refuse {
    fn fsync(&self, _: &FilePath, file: &File) -> io::Result<()> {
        if file.metadata()?.is_dir() == self.directories {
            return Err(io::Error::other("disk on fire"));
        }
        Ok(())
    }
}

fn location(directory: &tempfile::TempDir, below: &str) -> Path {
    Path::from_absolute_path(directory.path().join(below)).unwrap()
}

/// What a listing gives, without what only `LocalFileSystem` knows.
async fn listed(store: &dyn ObjectStore, prefix: &Path, offset: &Path) -> Vec<ObjectMeta> {
    let mut all: Vec<_> = store.list_with_offset(Some(prefix), offset).try_collect().await.unwrap();
    for object in &mut all {
        object.e_tag = None;
    }
    all.sort_by(|left, right| left.location.cmp(&right.location));
    all
}

/// What the watch saw, below the test's directory; staging numbers cut off.
fn synced(watch: &Watch, directory: &tempfile::TempDir) -> BTreeMap<String, u64> {
    let mut synced = BTreeMap::new();
    for (path, size) in watch.0.lock().unwrap().drain(..) {
        if let Ok(below) = path.strip_prefix(directory.path()) {
            let name = below.to_string_lossy();
            let name = name.split('#').next().unwrap().to_owned();
            synced.insert(name, size);
        }
    }
    synced
}

fn watched(directory: &tempfile::TempDir) -> (Arc<Watch>, DurableStore) {
    let watch = Arc::new(Watch::default());
    let top = directory.path().join("top");
    let store = DurableStore::with_fsync(top, Arc::<Watch>::clone(&watch));
    (watch, store)
}

fn names(entries: &[(&str, u64)]) -> BTreeMap<String, u64> {
    entries.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect()
}

#[tokio::test]
async fn a_put_syncs_the_file_its_directory_and_every_new_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (watch, store) = watched(&directory);
    store.put(&location(&directory, "top/a/b/file"), "12345".into()).await.unwrap();
    // "" is the directory above `top`, which holds top's own entry.
    let expected = names(&[("", 0), ("top", 0), ("top/a", 0), ("top/a/b", 0), ("top/a/b/file", 5)]);
    assert_eq!(synced(&watch, &directory), expected);

    store.put(&location(&directory, "top/a/b/next"), "1".into()).await.unwrap();
    assert_eq!(synced(&watch, &directory), names(&[("top/a/b", 0), ("top/a/b/next", 1)]));
}

/// A rival made the directory and was killed before it synced it.
#[tokio::test]
async fn directories_of_others_are_synced_once() {
    let directory = tempfile::tempdir().unwrap();
    let (watch, store) = watched(&directory);
    std::fs::create_dir_all(directory.path().join("top/a")).unwrap();
    store.put(&location(&directory, "top/a/file"), "1".into()).await.unwrap();
    let expected = names(&[("", 0), ("top", 0), ("top/a", 0), ("top/a/file", 1)]);
    assert_eq!(synced(&watch, &directory), expected);
}

#[tokio::test]
async fn multipart_copy_and_rename_are_synced_too() {
    let directory = tempfile::tempdir().unwrap();
    let (watch, store) = watched(&directory);
    let first = location(&directory, "top/first");
    let mut upload = store.put_multipart(&first).await.unwrap();
    upload.put_part("123".into()).await.unwrap();
    upload.put_part("45".into()).await.unwrap();
    assert!(store.head(&first).await.is_err(), "visible before it is complete");
    upload.complete().await.unwrap();
    assert_eq!(synced(&watch, &directory)["top/first"], 5);

    store.copy(&first, &location(&directory, "top/copies/second")).await.unwrap();
    let copied = synced(&watch, &directory);
    assert_eq!((copied["top/copies/second"], copied["top/copies"], copied["top"]), (5, 0, 0));

    store.rename(&first, &location(&directory, "top/third")).await.unwrap();
    let renamed = synced(&watch, &directory);
    assert_eq!((renamed["top/third"], renamed["top"]), (5, 0));
    assert!(store.head(&first).await.is_err());
    let third = store.get(&location(&directory, "top/third")).await.unwrap();
    assert_eq!(third.bytes().await.unwrap(), "12345");
}

#[tokio::test]
async fn create_is_exclusive_and_leaves_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let (_, store) = watched(&directory);
    let path = location(&directory, "top/log");
    let writers = (0..16).map(|writer: usize| {
        let (store, path) = (store.clone(), path.clone());
        tokio::spawn(async move {
            let payload = PutPayload::from(writer.to_string());
            store.put_opts(&path, payload, PutMode::Create.into()).await.map(|_| writer)
        })
    });
    let results = futures::future::join_all(writers).await;
    let (won, lost): (Vec<_>, Vec<_>) =
        results.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost {
        assert!(matches!(error, Err(object_store::Error::AlreadyExists { .. })), "{error:?}");
    }
    let stored = store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(stored, won.into_iter().next().unwrap().unwrap().to_string());
    let left: Vec<_> = std::fs::read_dir(directory.path().join("top")).unwrap().collect();
    assert_eq!(left.len(), 1, "staging files are left: {left:?}");
}

#[tokio::test]
async fn what_could_not_be_synced_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path().join("top");
    let refuse = Arc::new(Refuse { directories: false });
    let store = DurableStore::with_fsync(top.clone(), refuse);
    let path = location(&directory, "top/file");
    let error = store.put(&path, "1".into()).await.unwrap_err();
    assert!(error.to_string().contains("disk on fire"), "{error}");
    assert_eq!(std::fs::read_dir(&top).unwrap().count(), 0);
}

#[tokio::test]
async fn an_append_is_not_reported_when_a_directory_could_not_be_synced() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path().join("lake");
    let store = DurableStore::with_fsync(top.clone(), Arc::new(Refuse { directories: true }));
    let lake = Lake::with_store(Arc::new(store), &top, TABLES).unwrap();
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap_err();
}

#[tokio::test]
async fn an_append_syncs_data_log_and_their_directories() {
    let directory = tempfile::tempdir().unwrap();
    let watch = Arc::new(Watch::default());
    let top = directory.path().join("lake");
    let store = DurableStore::with_fsync(top.clone(), Arc::<Watch>::clone(&watch));
    let lake = Lake::with_store(Arc::new(store), &top, TABLES).unwrap();
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();

    let synced = synced(&watch, &directory);
    for wanted in [
        "lake",
        "lake/readings",
        "lake/readings/_delta_log",
        "lake/readings/_delta_log/00000000000000000000.json",
        "lake/readings/_delta_log/00000000000000000001.json",
        "lake/readings/date=2026-11-24",
    ] {
        assert!(synced.contains_key(wanted), "{wanted} is not among {synced:?}");
    }
    // Every object is as long on the disk as it was when it was synced.
    let objects: Vec<_> = lake.store().list(None).try_collect().await.unwrap();
    assert_eq!(objects.len(), 3);
    for object in objects {
        assert_eq!(synced[&format!("lake/{}", object.location)], object.size, "{object:?}");
    }

    let path = lake.quarantine("local/spool-1", 7, "readings", "poison".into()).await.unwrap();
    assert_eq!(path, "quarantine/readings/local%2Fspool-1/00000000000000000007.payload");
    assert_eq!(super::tests::synced(&watch, &directory)[&format!("lake/{path}")], 6);
    assert_eq!(std::fs::read(top.join(path)).unwrap(), b"poison");
    assert_eq!(csv(&lake, "SELECT count(*) FROM readings").await, ["1"]);
}

#[tokio::test]
async fn a_name_from_outside_stays_inside_the_quarantine() {
    let directory = tempfile::tempdir().unwrap();
    let lake = crate::testing::lake(&directory);
    let path = lake.quarantine("../../../escaped", 1, "../..", "x".into()).await.unwrap();
    let stored = directory.path().join("lake").join(&path).canonicalize().unwrap();
    assert!(stored.starts_with(directory.path().join("lake/quarantine").canonicalize().unwrap()));
}

/// A lake, and one that others write, in the same directory.
fn watched_lake(directory: &tempfile::TempDir, fsync: Arc<dyn Fsync>) -> Lake {
    let top = directory.path().join("lake");
    let store = DurableStore::with_fsync(top.clone(), fsync);
    Lake::with_store(Arc::new(store), &top, TABLES).unwrap()
}

/// Its writer may have been killed before the entry's name was durable.
#[tokio::test]
async fn a_marker_of_another_writer_is_trusted_only_when_it_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let rival = crate::testing::lake(&directory);
    rival.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    for seq in [2, 3] {
        rival.append(&READINGS, vec![group("a", seq, "f")]).await.unwrap();
        let watch = Arc::new(Watch::default());
        let lake = watched_lake(&directory, Arc::<Watch>::clone(&watch));
        if seq == 2 {
            assert_eq!(lake.committed("a").await.unwrap()["readings"], seq);
        } else {
            let again = lake.append(&READINGS, vec![group("a", seq, "f")]).await.unwrap();
            assert_eq!((again.version, again.duplicates), (None, 1));
        }
        let synced = synced(&watch, &directory);
        for directory in ["", "lake", "lake/readings", "lake/readings/_delta_log"] {
            assert!(synced.contains_key(directory), "{directory} in {synced:?}");
        }
    }
}

/// Refuses the syncs of log directories while it is told to.
#[derive(Debug, Default)]
struct Failing(std::sync::atomic::AtomicBool);

impl Fsync for Failing {
    fn fsync(&self, path: &FilePath, file: &File) -> io::Result<()> {
        let fails = self.0.load(std::sync::atomic::Ordering::Relaxed);
        if fails && path.ends_with("_delta_log") {
            return Err(io::Error::other("disk on fire"));
        }
        file.sync_all()
    }
}

/// The log entry is there for everybody to see, and may be gone tomorrow.
#[tokio::test]
async fn a_commit_whose_name_could_not_be_synced_is_not_reported() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Arc::new(Failing::default());
    let lake = watched_lake(&directory, Arc::<Failing>::clone(&disk));
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    disk.0.store(true, std::sync::atomic::Ordering::Relaxed);
    let error = lake.append(&READINGS, vec![group("a", 2, "f")]).await.unwrap_err();
    assert!(matches!(error, crate::Error::Sync { .. }), "{error}");
    assert!(lake.committed("a").await.is_err(), "told of a marker that may vanish");

    disk.0.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(lake.committed("a").await.unwrap()["readings"], 2);
    let again = lake.append(&READINGS, vec![group("a", 2, "f")]).await.unwrap();
    assert_eq!((again.rows, again.duplicates), (0, 1));
    assert_eq!(csv(&lake, "SELECT count(*) FROM readings").await, ["2"]);
}

/// Log entries, checkpoints, sidecars, and names that paths write otherwise.
#[tokio::test]
async fn a_listing_from_a_name_on_is_that_of_any_local_directory() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("_delta_log");
    let (_, store) = watched(&directory);
    let local = LocalFileSystem::new();
    let prefix = location(&directory, "_delta_log");
    let missing = listed(&store, &prefix, &prefix.clone().join("0")).await;
    assert!(missing.is_empty(), "{missing:?}");

    fs::create_dir(&log).unwrap();
    let files = ["00.json", "01.json", "01.checkpoint.parquet", "02.json", "_last_checkpoint"];
    for (bytes, name) in files.into_iter().chain(["03.json#1", "01-a.json"]).enumerate() {
        fs::write(log.join(name), vec![b'x'; bytes]).unwrap();
    }
    std::os::unix::fs::symlink(log.join("00.json"), log.join("04.json")).unwrap();
    for strange in [None, Some("_sidecars/00.parquet"), Some("03 ~%.json")] {
        if let Some(strange) = strange {
            fs::create_dir_all(log.join(strange).parent().unwrap()).unwrap();
            fs::write(log.join(strange), "x").unwrap();
        }
        for offset in ["0", "00.json", "01", "01.json", "02.json", "_", "_sidecars/00", "z"] {
            let offset = offset.split('/').fold(prefix.clone(), Path::join);
            let seen = listed(&store, &prefix, &offset).await;
            assert_eq!(seen, listed(&local, &prefix, &offset).await, "{strange:?}, {offset}");
        }
    }
}
