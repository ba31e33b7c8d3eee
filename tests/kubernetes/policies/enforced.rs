//! The policies of the cluster, enforced on each node: its own network enforces none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use trigpoint_testkit::lab::Namespace;
use trigpoint_testkit::{Plain, run};

use super::nft::{Linked, World};
use crate::cluster::{Cluster, DEADLINE, NODES};
use crate::wait;

/// Where libcni keeps what it has made, until it is taken away: before a pod's first
/// container starts, and so long before the API server hears of the address.
const LINKS: &str = "/var/lib/cni/results";
/// A container takes longer to start.
const PAUSE: Duration = Duration::from_millis(50);

/// For as long as this is there.
pub(crate) struct Enforced {
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Enforced {
    #[track_caller]
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stops);
        let folder = cluster.directory.path().to_owned();
        let mut enforcer = Enforcer { api: cluster.plain(), folder, links: None };
        enforcer.follow();
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                wait(PAUSE);
                enforcer.follow();
            }
        });
        Self { stops, thread: Some(thread) }
    }
}

impl Drop for Enforced {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        for node in NODES {
            run(node.command("nft").arg("delete table inet policies"), DEADLINE);
        }
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "policies were not enforced to the end");
        }
    }
}

struct Enforcer {
    api: Plain,
    folder: PathBuf,
    links: Option<BTreeSet<Link>>,
}

/// A pod's way into the network of its node.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    node: &'static str,
    uid: String,
    address: String,
    network: String,
}

impl Enforcer {
    /// Brings every node up to date if a pod came or went: policies come before the
    /// pods that they are for.
    fn follow(&mut self) {
        let links = links();
        if self.links.as_ref() == Some(&links) {
            return;
        }
        let pods = self.list("/api/v1/pods");
        let linked = |link: &Link| {
            let pod = pods.iter().find(|pod| pod["metadata"]["uid"] == link.uid)?.clone();
            Some(Linked { node: link.node, address: link.address.clone(), pod })
        };
        let world = World {
            pods: links.iter().filter_map(linked).collect(),
            policies: self.list("/apis/networking.k8s.io/v1/networkpolicies"),
            namespaces: self.list("/api/v1/namespaces"),
        };
        for node in NODES {
            let file = self.folder.join(format!("policies-of-{}.nft", node.name));
            fs::write(&file, world.table(node.name)).unwrap();
            run(node.command("nft").arg("-f").arg(&file), DEADLINE).expect_code(0);
        }
        self.links = Some(links);
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let (code, mut list) = self.api.request("GET", path, &Value::Null);
        assert_eq!(code, 200, "list {path}: {list}");
        serde_json::from_value(list["items"].take()).unwrap()
    }
}

/// The network that a pod alone is in.
#[track_caller]
pub(crate) fn network_of(pod: &Value) -> Namespace {
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let link = links().into_iter().find(|link| link.uid == uid);
    Namespace::named(&link.unwrap_or_else(|| panic!("{uid} is not in {LINKS}")).network)
}

fn links() -> BTreeSet<Link> {
    let entries = fs::read_dir(LINKS).unwrap().flatten();
    entries.filter_map(|entry| link(&entry.path())).collect()
}

/// None of a pod, if it is one of a loopback interface, or not yet written to its end.
fn link(file: &Path) -> Option<Link> {
    let name = file.file_name()?.to_str()?;
    let is_on = |node: &str| name.starts_with(&format!("localkube-{node}-"));
    let node = NODES.map(|node| node.name).into_iter().find(|node| is_on(node))?;
    let link: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    let arguments = link["cniArgs"].as_array()?;
    let uid = arguments.iter().find(|argument| argument[0] == "K8S_POD_UID")?[1].as_str()?;
    let (address, _) = link["result"]["ips"][0]["address"].as_str()?.split_once('/')?;
    let interfaces = link["result"]["interfaces"].as_array()?;
    let network = interfaces.iter().find_map(|interface| interface["sandbox"].as_str())?;
    let [uid, address, network] = [uid, address, network.rsplit('/').next()?].map(str::to_owned);
    Some(Link { node, uid, address, network })
}
