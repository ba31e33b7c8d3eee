//! A collector in a process of its own, on a store that may kill it.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use trigpoint_collector::{Authenticator, Collector, Settings, transport};
use trigpoint_lake::{DurableStore, Format, Lake, store_at};
use trigpoint_record::TABLES;

use super::child::say;
use super::faults::{Disk, Fault, Faults, Plan};
use super::page_cache::PageCache;

/// Far above what a loaded machine needs to read all of a lake.
const DEADLINE: Duration = Duration::from_mins(5);

/// Where a lake is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Place {
    /// A directory on a disk that keeps what was written.
    Directory(PathBuf),
    /// One on a disk that forgets at a power cut what was not synced.
    Forgetful(PathBuf),
    /// A prefix in a bucket, with what a process needs to reach it.
    Bucket { url: String, environment: Vec<(String, String)> },
}

impl Place {
    pub(crate) fn is_on_disk(&self) -> bool {
        !matches!(self, Self::Bucket { .. })
    }

    /// What a process needs in its environment to reach it.
    pub(crate) fn environment(&self) -> &[(String, String)] {
        match self {
            Self::Bucket { environment, .. } => environment,
            Self::Directory(_) | Self::Forgetful(_) => &[],
        }
    }

    /// As `--lake` takes it.
    fn location(&self) -> String {
        match self {
            Self::Directory(path) => path.to_str().unwrap().to_owned(),
            Self::Forgetful(disk) => {
                PageCache::new(disk).root().join("lake").to_str().unwrap().to_owned()
            }
            Self::Bucket { url, .. } => url.clone(),
        }
    }

    /// The lake on a store where `plan` goes wrong.
    pub(crate) fn faulty(&self, plan: Arc<Plan>) -> Lake {
        let cache = match self {
            Self::Directory(_) => None,
            Self::Forgetful(disk) => Some(PageCache::new(disk)),
            Self::Bucket { url, .. } => {
                let (inner, url) = store_at(url).unwrap();
                return Lake::with_store_at(Arc::new(Faults { inner, plan }), url, TABLES);
            }
        };
        let directory = PathBuf::from(self.location());
        let disk = Disk { plan: Arc::clone(&plan), cache };
        let inner = Arc::new(DurableStore::with_fsync(directory.clone(), Arc::new(disk)));
        Lake::with_store(Arc::new(Faults { inner, plan }), &directory, TABLES).unwrap()
    }

    /// What the machine forgets when it goes down together with the process.
    pub(crate) fn power_cut(&self) {
        if let Self::Forgetful(disk) = self {
            PageCache::new(disk).power_cut();
        }
    }

    /// What somebody sees who looks now.
    pub(crate) fn query(&self, sql: &str) -> Vec<serde_json::Value> {
        let text = if self.is_on_disk() { self.read(sql) } else { self.asked(&["query", sql]) };
        serde_json::from_str(&text).unwrap()
    }

    /// In this process: a new one takes half a second to start.
    fn read(&self, sql: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut text = Vec::new();
        runtime.block_on(async {
            let answer = Lake::open(&self.location()).unwrap().session().query(sql).await.unwrap();
            trigpoint_lake::write(answer, Format::Json, &mut text).await.unwrap();
        });
        String::from_utf8(text).unwrap()
    }

    /// In one that has the environment for it.
    fn asked(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
        command.args(arguments).args(["--format", "json", "--lake", &self.location()]);
        command.envs(self.environment().iter().map(|(name, value)| (name, value)));
        let answer = trigpoint_testkit::run(&mut command, DEADLINE);
        answer.expect_code(0);
        answer.stdout
    }

    /// Fails unless `lake check` finds nothing wrong, and nothing in
    /// quarantine: no station here sends poison.
    pub(crate) fn expect_clean(&self) {
        let report = self.asked(&["lake", "check", "--settle", "0s"]);
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["findings"], serde_json::json!([]));
        assert_eq!(report["batches"]["quarantined"], 0, "nobody sent poison");
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
