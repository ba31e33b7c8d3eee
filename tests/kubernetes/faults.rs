//! What goes wrong with machines, and how fast networks are, made to.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use trigpoint_testkit::{eventually, run};

use crate::cluster::{Cluster, DEADLINE, Node};

/// A process of the cluster that was killed, and how it was started.
pub(crate) struct Killed {
    name: String,
    network: File,
    arguments: Vec<String>,
}

impl Killed {
    #[track_caller]
    pub(crate) fn now(cluster: &Cluster, name: &str) -> Self {
        let id = cluster.process(name);
        let process = format!("/proc/{id}");
        let network = File::open(format!("{process}/ns/net")).unwrap();
        let command = fs::read_to_string(format!("{process}/cmdline")).unwrap();
        let arguments = command.split_terminator('\0').map(str::to_owned).collect();
        kill([id]);
        Self { name: name.to_owned(), network, arguments }
    }

    /// A kubelet, until it has told of its node.
    #[track_caller]
    pub(crate) fn start_kubelet_again(self, cluster: &Cluster, node: Node) {
        let path =
            format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{}", node.name);
        let told = || cluster.get(&path).map(|lease| lease["spec"]["renewTime"].clone());
        let before = told();
        self.start_again(cluster, || told().is_some_and(|time| Some(time) != before));
    }

    /// As who looks after services does: once more if it ends, until it is up.
    #[track_caller]
    pub(crate) fn start_again(self, cluster: &Cluster, mut is_up: impl FnMut() -> bool) {
        let mut child = self.start(cluster);
        eventually(DEADLINE, &format!("`{}` is up again", self.name), || {
            if child.try_wait().unwrap().is_some() {
                child = self.start(cluster);
            }
            is_up().then_some(())
        });
    }

    fn start(&self, cluster: &Cluster) -> Child {
        let log = File::options().append(true).open(cluster.log(&self.name)).unwrap();
        let network = self.network.as_raw_fd();
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/fd/{network}", std::process::id()));
        command.args(&self.arguments).stdin(Stdio::null()).process_group(0);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        cluster.record(&self.name, child.id());
        child
    }
}

/// Kills every process of every container on a node.
#[track_caller]
pub(crate) fn kill_containers(node: Node) {
    kill(processes(Path::new(&format!("/sys/fs/cgroup/memory/localkube-{}/kubepods", node.name))));
}

/// Kills every process of a pod, as a kernel does that wants memory.
#[track_caller]
pub(crate) fn kill_pod(pod: &Value) {
    let node = pod["spec"]["nodeName"].as_str().unwrap();
    let directory = format!("pod{}", pod["metadata"]["uid"].as_str().unwrap());
    let root = format!("/sys/fs/cgroup/memory/localkube-{node}/kubepods");
    // Of each class of service; those that are guaranteed are beside these.
    let classes = ["burstable", "besteffort", ""];
    let found = classes.map(|class| processes(&Path::new(&root).join(class).join(&directory)));
    let found: Vec<u32> = found.into_iter().flatten().collect();
    assert!(!found.is_empty(), "no process of `{directory}` runs on {node}");
    kill(found);
}

/// Kills processes, and waits until they are gone.
#[track_caller]
pub(crate) fn kill(ids: impl IntoIterator<Item = u32>) {
    let ids: Vec<u32> = ids.into_iter().collect();
    let mut command = Command::new("kill");
    command.arg("-KILL").args(ids.iter().map(u32::to_string));
    run(&mut command, DEADLINE);
    eventually(DEADLINE, "processes are gone", || {
        let is_gone = |id: &u32| {
            // A zombie of a parent that has ended is nobody's to wait for.
            let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            text.is_empty() || text.contains("State:\tZ")
        };
        ids.iter().all(is_gone).then_some(())
    });
}

/// Those in a control group and below it.
fn processes(group: &Path) -> BTreeSet<u32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let mut found: BTreeSet<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(processes(&entry.path()));
        }
    }
    found
}

/// Takes a node off the network of the others, or puts it back.
#[track_caller]
pub(crate) fn link(node: Node, state: &str) {
    let bridge = "--net=/run/netns/localkube";
    let mut ip = Command::new("nsenter");
    ip.args([bridge, "ip", "link", "set", node.network, state]);
    run(&mut ip, DEADLINE).expect_code(0);
}

/// Packets of a node's pods to a port go nowhere for as long as this is there.
pub(crate) struct Forbidden {
    node: Node,
}

impl Forbidden {
    #[track_caller]
    pub(crate) fn port(node: Node, port: u16) -> Self {
        let rule = format!(
            "table inet test {{ chain forward {{ type filter hook forward priority -10; \
             tcp dport {port} drop; }}; }}"
        );
        nft(node, &rule).expect_code(0);
        Self { node }
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        nft(self.node, "delete table inet test");
    }
}

fn nft(node: Node, rule: &str) -> trigpoint_testkit::Finished {
    run(node.command("nft").arg(rule), DEADLINE)
}

/// A line of 20 Mbit/s for each of so many people, in both directions: as fast as the
/// machine, their tests would take from each other and from the cluster.
pub(crate) struct Paced;

impl Paced {
    #[track_caller]
    pub(crate) fn lines(people: usize) -> Self {
        let rate = format!("{}mbit", 20 * people);
        for end in ENDS {
            let shape = ["replace", "dev", end[1], "root", "tbf", "rate", &rate];
            tc(end[0], &shape, &["burst", "64kb", "latency", "50ms"]).expect_code(0);
        }
        Self
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        for end in ENDS {
            tc(end[0], &["delete", "dev", end[1], "root"], &[]);
        }
    }
}

/// Both ends of the link of the clients.
const ENDS: [[&str; 2]; 2] = [["localclient", "eth0"], ["localkube", "localclient"]];

fn tc(network: &str, arguments: &[&str], more: &[&str]) -> trigpoint_testkit::Finished {
    let mut tc = Command::new("nsenter");
    tc.arg(format!("--net=/run/netns/{network}")).args(["tc", "qdisc"]).args(arguments);
    run(tc.args(more), DEADLINE)
}
