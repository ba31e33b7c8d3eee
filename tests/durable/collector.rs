//! A collector in a process of its own, on a store that may kill it.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use trigpoint_collector::{Authenticator, Collector, Settings, transport};
use trigpoint_lake::{DurableStore, Lake};
use trigpoint_record::TABLES;

use super::child::say;
use super::faults::{Disk, Fault, Faults, Plan};
use super::page_cache::PageCache;

/// Where a lake is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Place {
    /// A directory on a disk that keeps what was written.
    Directory(PathBuf),
    /// One on a disk that forgets at a power cut what was not synced.
    Forgetful(PathBuf),
}

impl Place {
    /// The lake's directory.
    fn directory(&self) -> PathBuf {
        match self {
            Self::Directory(path) => path.clone(),
            Self::Forgetful(disk) => PageCache::new(disk).root().join("lake"),
        }
    }

    /// The lake as others than collectors see it.
    pub(crate) fn lake(&self) -> Lake {
        Lake::open(self.directory().to_str().unwrap()).unwrap()
    }

    /// The lake on a store where `plan` goes wrong.
    fn faulty(&self, plan: Arc<Plan>) -> Lake {
        let directory = self.directory();
        let cache = match self {
            Self::Directory(_) => None,
            Self::Forgetful(disk) => Some(PageCache::new(disk)),
        };
        let disk = Disk { plan: Arc::clone(&plan), cache };
        let inner = Arc::new(DurableStore::with_fsync(directory.clone(), Arc::new(disk)));
        let store = Arc::new(Faults { inner, plan });
        Lake::with_store(store, &directory, TABLES).unwrap()
    }

    /// What the machine forgets when it goes down together with the process.
    pub(crate) fn power_cut(&self) {
        if let Self::Forgetful(disk) = self {
            PageCache::new(disk).power_cut();
        }
    }

    /// Whether something is in quarantine: no station here sends poison.
    pub(crate) fn has_quarantine(&self) -> bool {
        Path::exists(&self.directory().join("quarantine"))
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Options {
    pub(crate) place: Place,
    pub(crate) faults: Vec<Fault>,
}

/// Serves until it is released, then stops as a collector does.
pub(crate) fn run(options: Options) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let lake = options.place.faulty(Plan::new(options.faults));
        // As many commits as the lake can make: each is a chance to die.
        let settings = Settings {
            commit_after: Duration::ZERO,
            commit_batches: 1,
            commit_spacing: Duration::ZERO,
            ..Settings::default()
        };
        let collector = Collector::start(lake, settings, &Registry::new()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        say(format_args!("listening {}", listener.local_addr().unwrap()));
        let serving = transport()
            .add_service(collector.service(Authenticator::Local))
            .serve_with_incoming(TcpIncoming::from(listener));
        tokio::select! {
            served = serving => served.unwrap(),
            () = released() => collector.stop().await,
        }
    });
}

/// Until the driver closes this process's input.
async fn released() {
    let read = || std::io::stdin().lock().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(read).await;
}
