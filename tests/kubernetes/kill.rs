//! An operator that is killed at any change of a handoff is gone on for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trigpoint_testkit::{Process, eventually};

use crate::cluster::{Cluster, DEADLINE, NEXT_IMAGE, NODES, Node, trigpoint};
use crate::door::{Door, Fate, Trap};
use crate::faults::kill_pod;
use crate::fleet::{self, Fleet, STATION, condition};
use crate::full;
use crate::release::{NAMESPACE, Release, core};

/// The one whose station is handed over; the release's own pods are on others too.
const HANDED_OVER: Node = NODES[2];
/// Where the operator runs.
const HOME: Node = NODES[0];

/// Each of these hands the station over once more, to an image of its own.
struct Handoffs<'c> {
    fleet: Fleet<'c>,
    door: Door,
    /// Of the deployment, but for what is a file in its pods.
    arguments: Vec<String>,
    done: usize,
    /// Every station that was seen.
    stations: BTreeSet<String>,
}

impl<'c> Handoffs<'c> {
    #[track_caller]
    fn new(cluster: &'c Cluster) -> Self {
        let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/trigpoint-operator");
        let deployment = cluster.get(&path).unwrap();
        let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        let mut arguments: Vec<String> = serde_json::from_value(arguments.clone()).unwrap();
        // There is no gate; and as a container that is started again has the name of its pod.
        arguments.retain(|argument| {
            !["--query-", "--identity", "--admin-listen"].iter().any(|no| argument.starts_with(no))
        });
        arguments.extend(["--identity=one", "--admin-listen=127.0.0.1:0"].map(str::to_owned));
        let nobody = json!({"spec": {"replicas": 0}});
        cluster.change(&path, &nobody);
        eventually(DEADLINE, "no operator of the release is there", || {
            let pods = cluster.list(&core("pods"));
            let is_one = |pod: &Value| {
                pod["metadata"]["labels"]["app.kubernetes.io/component"] == "operator"
            };
            (!pods.iter().any(is_one)).then_some(())
        });
        let door = Door::open(HOME.network, &cluster.socket());
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "door",
            "clusters": [{"name": "door", "cluster": {"server": door.url()}}],
            "users": [{"name": "door", "user": {}}],
            "contexts": [{"name": "door", "context": {"cluster": "door", "user": "door"}}],
        });
        std::fs::write(cluster.directory.join("door"), kubeconfig.to_string()).unwrap();
        // As a pod has it.
        let names =
            "search svc.cluster.local cluster.local\noptions ndots:5\nnameserver 10.96.0.10\n";
        std::fs::write(cluster.directory.join("resolv.conf"), names).unwrap();
        cluster.label_node(HANDED_OVER.name, STATION, &"true".into());
        let fleet = Fleet::create(cluster, NAMESPACE, "stations", &json!({}));
        let mut this = Self { fleet, door, arguments, done: 0, stations: BTreeSet::new() };
        let operator = this.operator();
        this.until_there("the fleet serves", |_| false);
        drop(operator);
        this
    }

    #[track_caller]
    fn operator(&self) -> Process {
        let directory = &self.fleet.cluster.directory;
        let mut command = HOME.command("unshare");
        // Each becomes the next, so that the number is the operator's.
        command.args(["--mount", "sh", "-c", r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#]);
        command.arg(directory.join("resolv.conf")).arg(trigpoint()).args(&self.arguments);
        Process::start(command.env("KUBECONFIG", directory.join("door")))
    }

    /// One handoff by an operator that is killed at its change `at`, and by its successor;
    /// false if there were not so many.
    #[track_caller]
    fn hand_over(&mut self, at: usize, fate: Fate, wipes_status: bool) -> bool {
        self.done += 1;
        let cluster = self.fleet.cluster;
        let image = format!("localhost/trigpoint:handoff-{}", self.done);
        cluster.tag_image(&image);
        let before = self.stations.len();
        let operator = self.operator();
        self.door.set(Some(Trap { operator: operator.id(), at, fate }));
        self.fleet.change(&json!({"template": {"image": image}}));
        let what = format!("killed at change {at} ({fate:?}), or done");
        let was_killed = self.until_there(&what, Door::has_killed);
        let seen = self.door.seen();
        drop(operator);
        self.door.set(None);
        if wipes_status {
            self.fleet.wipe_statuses();
        }
        let successor = self.operator();
        self.until_there(&format!("the successor ends it after {seen:?}"), |_| false);
        let pod = self.fleet.pod(HANDED_OVER.name).unwrap();
        assert_eq!(pod["spec"]["containers"][0]["image"], image.as_str(), "{what}");
        drop(successor);
        // The node was released once, whoever did it.
        assert_eq!(self.stations.len(), before + 1, "{what}: {seen:?}");
        was_killed
    }

    /// Waits until the fleet is up to date, or for something else: whether it was that.
    /// There is never a second station.
    #[track_caller]
    fn until_there(&mut self, what: &str, is_else: impl Fn(&Door) -> bool) -> bool {
        let Self { fleet, door, stations, .. } = self;
        fleet.until(what, |object| {
            let pods = fleet.pods();
            assert!(pods.len() <= 1, "{what}: two stations on a node: {pods:#?}");
            stations.extend(
                pods.iter().filter_map(|pod| Some(pod["metadata"]["uid"].as_str()?.into())),
            );
            if is_else(door) {
                return Some(true);
            }
            let status = &object["status"];
            let is_there = status["observedGeneration"] == object["metadata"]["generation"]
                && (&status["nodes"]["ready"], &status["nodes"]["updated"])
                    == (&1.into(), &1.into())
                && condition(object, "Progressing")["reason"] == "UpToDate"
                && status["stableRevision"] == status["targetRevision"];
            is_there.then_some(false)
        })
    }

    /// Up to the last change of a handoff, each or every third.
    #[track_caller]
    fn everywhere(&mut self, wipes_status: bool) {
        let step = if full() { 1 } else { 3 };
        let (mut at, mut kills) = (1, 0);
        while self.hand_over(at, Fate::KilledBefore, wipes_status) {
            kills += 1;
            kills += usize::from(self.hand_over(at, Fate::KilledAfter, wipes_status));
            at += step;
        }
        println!("killed {kills} times, at changes 1 to {at}; statuses wiped: {wipes_status}");
        assert!(at > 10, "a handoff has more changes than {at}");
    }
}

#[test]
fn of_two_operators_one_takes_over_when_the_other_is_killed() {
    let cluster = Cluster::find();
    let (_release, fleet, older) = fleet::install(&cluster);
    cluster.tag_image(NEXT_IMAGE);
    let lease = "/apis/coordination.k8s.io/v1/namespaces/trigpoint/leases/trigpoint-operator";
    let leader = || cluster.get(lease).unwrap()["spec"]["holderIdentity"].clone();
    fleet.change(&json!({"template": {"image": NEXT_IMAGE}}));
    fleet.until("a station leaves", |_| {
        NODES.iter().any(|node| fleet.label(node.name).is_none()).then_some(())
    });
    let first = leader();
    let pod = core(&format!("pods/{}", first.as_str().unwrap()));
    kill_pod(&cluster.get(&pod).unwrap());
    let start = Instant::now();
    // Or it would be started again under its name, and go on with its Lease.
    cluster.delete(&pod);
    eventually(DEADLINE, "the other one leads", || (leader() != first).then_some(()));
    let took = start.elapsed();
    println!("the other one leads after {:.1} s", took.as_secs_f64());
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_ne!(fleet.until_up_to_date(NODES.len()), older);
}

#[test]
fn an_operator_that_is_killed_at_any_change_is_gone_on_for() {
    let cluster = Cluster::find();
    let _release = Release::install(&cluster, &json!({}));
    let mut handoffs = Handoffs::new(&cluster);
    handoffs.everywhere(false);
    handoffs.everywhere(true);
}
