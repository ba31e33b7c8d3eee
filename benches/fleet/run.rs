//! One size: a fleet comes about, one image change is rolled out, and then nothing is
//! to do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use trigpoint_process::duration;
use trigpoint_testkit::cluster::{Kubelets, node, ours, prepare};
use trigpoint_testkit::{ApiServer, Change, Directory, eventually, merge};

use super::figures::Figures;
use super::process::Operator;

/// Far above what a loaded machine needs.
const DEADLINE: Duration = Duration::from_mins(40);
/// Without a write for so long there is nothing left to do.
const QUIET: Duration = Duration::from_secs(10);
/// The rate at which a fleet comes about, which is not what is measured.
const FAST: f64 = 1000.0;
const BEFORE: &str = "example.org/trigpoint:1";
const AFTER: &str = "example.org/trigpoint:2";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Nodes
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000")]
    pub(crate) sizes: Vec<usize>,
    /// Nodes to which the change is rolled out, at most
    #[arg(long, default_value_t = 200)]
    handoffs: usize,
    /// Nodes in flight, at most; never more than a tenth
    #[arg(long, default_value_t = 10)]
    parallel: usize,
    /// How long a probe, a drain, a start and a test take: longer than the operator waits
    /// for changes to become one, so that each is a change of its own
    #[arg(long, default_value = "1s", value_parser = duration::parse)]
    pace: Duration,
    /// Writes per second that the operator is allowed
    #[arg(long, default_value_t = 20.0)]
    writes_per_second: f64,
    /// How long to watch it when there is nothing to do
    #[arg(long, default_value = "60s", value_parser = duration::parse)]
    rest: Duration,
    /// `trigpoint` instead of this executable's own operator
    #[arg(long)]
    operator: Option<PathBuf>,
}

pub(crate) fn measure(options: &Options, nodes: usize) -> Result<Figures> {
    let executable = match &options.operator {
        Some(path) => path.clone(),
        None => std::env::current_exe()?,
    };
    let directory = Directory::new();
    let server = ApiServer::start(&directory);
    prepare(&server);
    let kubelets = Kubelets::start(server.plain());
    let handoffs = options.handoffs.min(nodes);
    let cluster = Cluster { server: &server, kubelets: &kubelets };

    let operator = Operator::start(&executable, &server, FAST);
    cluster.fill(nodes, handoffs, options.parallel.min(nodes.div_ceil(10)));
    operator.stop();

    kubelets.set_pace(options.pace);
    let operator = Operator::start(&executable, &server, options.writes_per_second);
    cluster.until_quiet();
    let (plans, cpu, writes) =
        (operator.plan_seconds()?, operator.cpu_seconds()?, cluster.writes().len());
    let started = Instant::now();
    cluster.change_fleet(&json!({"template": {"image": AFTER}}));
    cluster.until_served(AFTER, handoffs);
    let took = started.elapsed();
    cluster.until_quiet();
    let planning = operator.plan_seconds()?.since(&plans);
    let cpu_seconds = operator.cpu_seconds()? - cpu;
    let all = cluster.writes();
    let of_rollout = &all[writes..];

    let cpu = operator.cpu_seconds()?;
    let resting = Instant::now();
    cluster.rest(options.rest, nodes);
    let rest = resting.elapsed();
    let figures = Figures {
        nodes,
        handoffs,
        took,
        planning,
        writes: by_kind(of_rollout),
        refused: of_rollout.iter().filter(|write| write.code >= 300).count(),
        writes_at_rest: cluster.writes().len() - all.len(),
        rest,
        most_resident: operator.most_resident()?,
        cpu_seconds,
        cpu_seconds_at_rest: operator.cpu_seconds()? - cpu,
    };
    operator.stop();
    let wrong = kubelets.wrong();
    ensure!(wrong.is_empty(), "{wrong:?}");
    Ok(figures)
}

struct Cluster<'a> {
    server: &'a ApiServer,
    kubelets: &'a Kubelets,
}

impl Cluster<'_> {
    /// Nodes to which the change will be rolled out first, whose stations are tested
    /// one by one, and then the others, whose are not.
    fn fill(&self, nodes: usize, handoffs: usize, parallel: usize) {
        self.add_nodes(0..handoffs, "first");
        let wave = |name: &str, more: Value| {
            let mut wave = json!({"name": name, "bake": "0s", "maxParallel": 64});
            merge(&mut wave, &more);
            wave
        };
        let fleet = json!({
            "apiVersion": "trigpoint.dev/v1alpha1",
            "kind": "MeasurementFleet",
            "metadata": {"name": "stations"},
            "spec": {
                "nodeSelector": {"matchLabels": {"station": "true"}},
                "template": {"image": BEFORE},
                "network": {"profile": "service"},
                "drain": {"lameDuck": "2s", "maxTest": "5s", "flush": "5s"},
                "rollout": {
                    "waves": [wave("everywhere", json!({"percent": 100}))],
                    "maxUnavailable": parallel,
                    "minReady": "0s",
                },
            },
        });
        let (code, answer) = self.server.request("POST", &ours("measurementfleets"), &fleet);
        assert_eq!(code, 201, "{}", answer["message"]);
        self.until_served(BEFORE, handoffs);
        self.until_quiet();
        self.change_fleet(&json!({"rollout": {"selfTest": false}}));
        self.add_nodes(handoffs..nodes, "later");
        self.until_served(BEFORE, nodes);
        self.until_quiet();
        let first = json!({"nodes": {"matchLabels": {"wave": "first"}}, "maxParallel": parallel});
        let mut waves = vec![wave("first", first), wave("everywhere", json!({"percent": 100}))];
        if handoffs < nodes {
            waves[0]["approval"] = "Manual".into();
        }
        self.change_fleet(&json!({"rollout": {"selfTest": true, "waves": waves}}));
        self.until_quiet();
    }

    fn add_nodes(&self, numbers: std::ops::Range<usize>, wave: &str) {
        for number in numbers {
            let labels = json!({"station": "true", "wave": wave});
            let node = node(&name(number), &labels);
            let (code, answer) = self.server.request("POST", "/api/v1/nodes", &node);
            assert_eq!(code, 201, "{}", answer["message"]);
        }
    }

    fn change_fleet(&self, changes: &Value) {
        self.update(&format!("{}/stations", ours("measurementfleets")), |fleet| {
            merge(&mut fleet["spec"], changes);
        });
    }

    /// Reads, changes and writes until nobody was in between.
    fn update(&self, path: &str, change: impl Fn(&mut Value)) {
        eventually(DEADLINE, "a write without another in between", || {
            let (_, mut object) = self.server.request("GET", path, &Value::Null);
            change(&mut object);
            let (code, answer) = self.server.request("PUT", path, &object);
            assert!([200, 409].contains(&code), "{path}: {}", answer["message"]);
            (code == 200).then_some(())
        });
    }

    fn until_served(&self, image: &str, stations: usize) {
        until("every station serves", || {
            assert_eq!(self.kubelets.wrong(), [""; 0]);
            (self.kubelets.images().get(image) == Some(&stations)).then_some(())
        });
    }

    fn until_quiet(&self) {
        let mut last = (0, Instant::now());
        until("the operator has nothing to do", || {
            let writes = self.writes().len();
            if writes != last.0 {
                last = (writes, Instant::now());
            }
            (last.1.elapsed() >= QUIET).then_some(())
        });
    }

    /// The operator's writes so far, but for its Lease.
    fn writes(&self) -> Vec<Change> {
        let mut changes = self.server.audit().changes();
        changes.retain(|change| change.resource != "leases");
        changes
    }

    /// Once a second a kubelet tells that its node is as it was.
    fn rest(&self, rest: Duration, nodes: usize) {
        let started = Instant::now();
        for number in (0..nodes).cycle() {
            if started.elapsed() >= rest {
                return;
            }
            self.update(&format!("/api/v1/nodes/{}/status", name(number)), |node| {
                node["status"]["conditions"][0]["lastHeartbeatTime"] =
                    trigpoint_testkit::cluster::pod_status::now().into();
            });
            std::thread::park_timeout(Duration::from_secs(1));
        }
    }
}

/// Looks now and then, so that looking costs nothing.
fn until(what: &str, mut look: impl FnMut() -> Option<()>) {
    let started = Instant::now();
    while look().is_none() {
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

fn name(number: usize) -> String {
    format!("node-{number:04}.measurement.example.org")
}

fn by_kind(writes: &[Change]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for write in writes {
        *counts.entry(format!("{} {}", write.verb, write.resource)).or_default() += 1;
    }
    counts
}
