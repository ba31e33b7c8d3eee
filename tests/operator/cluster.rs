//! A cluster of which only the API server is real: the test plays the kubelets, the
//! controller of DaemonSets and the garbage collector, one step at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
pub(crate) use trigpoint_testkit::cluster::NAMESPACE;
use trigpoint_testkit::cluster::pod_status::{self, is_ending};
use trigpoint_testkit::cluster::{
    COMPONENT, REVISION, REVISION_LABEL as LABEL, core, node, ours, prepare,
};
use trigpoint_testkit::{ApiServer, Directory, eventually, merge};

const SITE: &str = "topology.kubernetes.io/zone";

pub(crate) struct Cluster {
    server: ApiServer,
    /// Stations that are told to end do not, as long as this is set.
    holds_drains: bool,
    /// Images that a probe found good, by node.
    probed: BTreeSet<(String, String)>,
    /// Labels of nodes at the last step.
    labels: BTreeMap<String, String>,
    /// Nodes that had a label once.
    stations: BTreeSet<String>,
    releases: usize,
    /// The most of them that had none at once.
    most_taken: usize,
    /// The same of one site.
    most_taken_of_a_site: usize,
    /// What stations see of the addresses of their clients.
    rewrites_addresses: bool,
    /// Synthetic tests, in order.
    samples: Vec<Sample>,
}

/// A synthetic test, by what its pod says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) tested: String,
    pub(crate) from: String,
    pub(crate) image: String,
    pub(crate) is_marked: bool,
}

impl Cluster {
    pub(crate) fn start(directory: &Directory) -> Self {
        let server = ApiServer::start(directory);
        prepare(&server);
        Self {
            server,
            holds_drains: false,
            probed: BTreeSet::new(),
            labels: BTreeMap::new(),
            stations: BTreeSet::new(),
            releases: 0,
            most_taken: 0,
            most_taken_of_a_site: 0,
            rewrites_addresses: false,
            samples: Vec::new(),
        }
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        self.server.kubeconfig()
    }

    #[track_caller]
    pub(crate) fn kubectl<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.server.kubectl(arguments).expect_code(0).stdout.clone()
    }

    // What a person does.

    pub(crate) fn add_node(&self, name: &str, is_station: bool) {
        self.add_node_with(name, &json!({"station": is_station.to_string()}));
    }

    pub(crate) fn add_node_at(&self, name: &str, site: &str) {
        self.add_node_with(name, &json!({"station": "true", SITE: site}));
    }

    pub(crate) fn add_node_with(&self, name: &str, labels: &Value) {
        self.create("/api/v1/nodes", &node(name, labels));
        // The API server taints what is new; a controller takes that from what is ready.
        self.update(&format!("/api/v1/nodes/{name}"), |node| {
            node["spec"].as_object_mut().unwrap().remove("taints");
        });
    }

    pub(crate) fn apply_fleet(&self, changes: &Value) {
        self.apply_fleet_as("stations", changes);
    }

    pub(crate) fn apply_fleet_as(&self, name: &str, changes: &Value) {
        self.create(&ours("measurementfleets"), &fleet(name, changes));
    }

    pub(crate) fn change_fleet(&self, changes: &Value) {
        self.update(&format!("{}/stations", ours("measurementfleets")), |fleet| {
            merge(&mut fleet["spec"], changes);
        });
    }

    pub(crate) fn delete_fleet(&self) {
        let path = format!("{}/stations", ours("measurementfleets"));
        assert_eq!(self.server.request("DELETE", &path, &Value::Null).0, 200);
    }

    /// A machine is gone for good: its node, and what the controllers collect with it.
    pub(crate) fn remove_node(&mut self, name: &str) {
        let path = format!("/api/v1/nodes/{name}");
        assert_eq!(self.server.request("DELETE", &path, &Value::Null).0, 200);
        for component in ["station", "probe", "self-test", "synthetic-test"] {
            for pod in self.pods(component).iter().filter(|pod| pod["spec"]["nodeName"] == name) {
                self.delete_pod(pod, &json!({"gracePeriodSeconds": 0}));
            }
        }
        self.stations.remove(name);
        self.labels.remove(name);
    }

    pub(crate) fn rewrite_addresses(&mut self, rewrites: bool) {
        self.rewrites_addresses = rewrites;
    }

    pub(crate) fn wipe_statuses(&self) {
        for kind in ["measurementfleets", "measurementnodes"] {
            for object in self.list(&ours(kind)) {
                let path = format!("{}/{}/status", ours(kind), name(&object));
                self.update(&path, |object| {
                    object.as_object_mut().unwrap().remove("status");
                });
            }
        }
    }

    /// As a chart of before versions were written down left them.
    pub(crate) fn age_definitions(&self) {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/measurementfleets.trigpoint.dev";
        self.update(path, |definition| {
            definition["metadata"]["annotations"]
                .as_object_mut()
                .unwrap()
                .remove("trigpoint.dev/schema-version");
        });
    }

    /// As a newer version's chart: one more word for what a fleet does after a failure,
    /// and one for how a drain ended.
    pub(crate) fn widen_definitions(&self) {
        for (kind, path, word) in [
            ("measurementfleets", "/spec/properties/rollout/properties/onFailure", "Retry"),
            ("measurementnodes", "/status/properties/lastDrain/properties/outcome", "Postponed"),
        ] {
            let definition = format!(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.trigpoint.dev"
            );
            self.update(&definition, |definition| {
                let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
                let field = schema.pointer_mut(&format!("/properties{path}/enum")).unwrap();
                field.as_array_mut().unwrap().push(word.into());
            });
        }
    }

    /// A fleet of a newer version, once the API server knows that version.
    pub(crate) fn apply_newer_fleet(&self, name: &str) {
        let fleet = fleet(
            name,
            &json!({
                "nodeSelector": {"matchLabels": {"station": "newer"}},
                "rollout": {"onFailure": "Retry"},
            }),
        );
        eventually(Duration::from_mins(1), "the API server takes the new word", || {
            let (code, _) = self.server.request("POST", &ours("measurementfleets"), &fleet);
            (code == 201).then_some(())
        });
    }

    /// A newer version says so in the record of that node.
    pub(crate) fn say_of_drain(&self, node: &str, outcome: &str) {
        let path = format!("{}/{node}/status", ours("measurementnodes"));
        self.update(&path, |record| {
            record["status"]["lastDrain"] = json!({"at": pod_status::now(), "outcome": outcome});
        });
    }

    pub(crate) fn daemon_set(&self, revision: &str) -> Value {
        let (code, set) = self.server.request("GET", &daemon_sets(revision), &Value::Null);
        assert_eq!(code, 200, "{set}");
        set
    }

    pub(crate) fn edit_daemon_set(&self, revision: &str, image: &str) {
        self.update(&daemon_sets(revision), |set| {
            set["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
        });
    }

    pub(crate) fn hold_drains(&mut self, holds: bool) {
        self.holds_drains = holds;
    }

    /// As a kubelet that tells of itself.
    pub(crate) fn touch_node(&self, node: &str) {
        self.update(&format!("/api/v1/nodes/{node}"), |node| {
            let beats = &mut node["metadata"]["annotations"]["example.org/beats"];
            let count: u64 = beats.as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
            *beats = (count + 1).to_string().into();
        });
    }

    // What a person sees.

    pub(crate) fn try_get(&self, path: &str) -> Option<Value> {
        let (code, object) = self.server.request("GET", &ours(path), &Value::Null);
        (code == 200).then_some(object)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.try_get(path).unwrap_or_else(|| panic!("there is no {path}"))
    }

    pub(crate) fn get_core(&self, path: &str) -> Value {
        let (code, object) = self.server.request("GET", &core(path), &Value::Null);
        assert_eq!(code, 200, "{object}");
        object
    }

    pub(crate) fn fleet_status(&self) -> Value {
        self.try_get("measurementfleets/stations").unwrap_or_default()["status"].clone()
    }

    pub(crate) fn condition(&self, type_: &str) -> Value {
        self.condition_of("stations", type_)
    }

    pub(crate) fn condition_of(&self, fleet: &str, type_: &str) -> Value {
        let fleet = self.try_get(&format!("measurementfleets/{fleet}")).unwrap_or_default();
        let status = &fleet["status"];
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == type_).unwrap_or_default()
    }

    pub(crate) fn node_condition(&self, node: &str, type_: &str) -> Value {
        let record = self.try_get(&format!("measurementnodes/{node}")).unwrap_or_default();
        let conditions = record["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|condition| condition["type"] == type_).unwrap_or_default()
    }

    pub(crate) fn node_uid(&self, node: &str) -> Value {
        let (_, node) = self.server.request("GET", &format!("/api/v1/nodes/{node}"), &Value::Null);
        node["metadata"]["uid"].clone()
    }

    pub(crate) fn station_name(&self, node: &str) -> String {
        let stations = self.pods("station");
        let pod = stations.iter().find(|pod| pod["spec"]["nodeName"] == node).unwrap();
        name(pod).to_owned()
    }

    /// A key of a Secret.
    pub(crate) fn secret_text(&self, secret: &Value, key: &str) -> String {
        let text = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
        let name = name(secret);
        self.kubectl(["get", "secret", name, "--namespace", NAMESPACE, "--output", &text])
    }

    pub(crate) fn label(&self, node: &str) -> Option<String> {
        let (_, node) = self.server.request("GET", &format!("/api/v1/nodes/{node}"), &Value::Null);
        node["metadata"]["labels"][LABEL].as_str().map(str::to_owned)
    }

    pub(crate) fn labelled(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn releases(&self) -> usize {
        self.releases
    }

    pub(crate) fn most_taken(&self) -> usize {
        self.most_taken
    }

    pub(crate) fn most_taken_of_a_site(&self) -> usize {
        self.most_taken_of_a_site
    }

    pub(crate) fn self_tests(&self) -> Vec<Value> {
        self.pods("self-test")
    }

    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    pub(crate) fn was_probed(&self, node: &str, image: &str) -> bool {
        self.probed.contains(&(node.to_owned(), image.to_owned()))
    }

    /// The node whose station was told to end and has not.
    pub(crate) fn draining(&self) -> Option<String> {
        self.all_draining().pop()
    }

    pub(crate) fn all_draining(&self) -> Vec<String> {
        let stations = self.pods("station");
        let ending = stations.iter().filter(|pod| is_ending(pod));
        ending.map(|pod| pod["spec"]["nodeName"].as_str().unwrap().to_owned()).collect()
    }

    /// Image of the station on that node.
    pub(crate) fn image(&self, node: &str) -> Option<String> {
        let stations = self.pods("station");
        let pod = stations.iter().find(|pod| pod["spec"]["nodeName"] == node)?;
        Some(pod["spec"]["containers"][0]["image"].as_str()?.to_owned())
    }

    pub(crate) fn events(&self) -> Vec<String> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events");
        let events = self.list(&path);
        events.iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
    }

    // What the rest of a cluster does.

    /// Every kubelet and controller looks once.
    pub(crate) fn step(&mut self) {
        self.watch_labels();
        for test in self.pods("self-test") {
            self.end_once(&test, |pod| pod_status::pass_self_test(pod, self.rewrites_addresses));
        }
        for probe in self.pods("probe") {
            self.run_probe(&probe);
        }
        self.run_samples();
        self.run_daemon_sets();
        self.end_stations();
    }

    fn watch_labels(&mut self) {
        let nodes = self.list("/api/v1/nodes");
        let labels: BTreeMap<String, String> = nodes
            .iter()
            .filter_map(|node| {
                let label = node["metadata"]["labels"][LABEL].as_str()?;
                Some((name(node).to_owned(), label.to_owned()))
            })
            .collect();
        self.releases += self.labels.keys().filter(|node| !labels.contains_key(*node)).count();
        self.stations.extend(labels.keys().cloned());
        let taken: Vec<&String> =
            self.stations.iter().filter(|node| !labels.contains_key(*node)).collect();
        self.most_taken = self.most_taken.max(taken.len());
        let mut of_sites: BTreeMap<&str, usize> = BTreeMap::new();
        for node in nodes.iter().filter(|node| taken.iter().any(|taken| *taken == name(node))) {
            let site = node["metadata"]["labels"][SITE].as_str().unwrap_or_default();
            *of_sites.entry(site).or_default() += 1;
        }
        let most = of_sites.values().copied().max().unwrap_or(0);
        self.most_taken_of_a_site = self.most_taken_of_a_site.max(most);
        self.labels = labels;
    }

    fn run_probe(&mut self, probe: &Value) {
        if probe["status"]["phase"] != "Pending" || probe["status"]["containerStatuses"].is_array()
        {
            return;
        }
        let image = probe["spec"]["containers"][0]["image"].as_str().unwrap();
        if image.ends_with(":broken") {
            self.set_pod_status(probe, |pod| {
                pod["status"]["containerStatuses"] = json!([{
                    "name": "server", "ready": false, "restartCount": 0, "image": image, "imageID": "",
                    "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}},
                }]);
            });
            return;
        }
        let node = probe["metadata"]["annotations"]["trigpoint.dev/node"].as_str().unwrap();
        self.probed.insert((node.to_owned(), image.to_owned()));
        self.end_once(probe, pod_status::pass_probe);
    }

    fn run_samples(&mut self) {
        let mut pods = self.pods("synthetic-test");
        pods.retain(|pod| pod["status"]["phase"] == "Pending");
        assert!(pods.len() <= 1, "two synthetic tests at once: {pods:?}");
        for pod in pods {
            let container = &pod["spec"]["containers"][0];
            let affinity = &pod["spec"]["affinity"]["nodeAffinity"];
            let on = &affinity["requiredDuringSchedulingIgnoredDuringExecution"];
            let field = &on["nodeSelectorTerms"][0]["matchFields"][0];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let annotations = &pod["metadata"]["annotations"];
            let arguments = container["args"].as_array().unwrap();
            self.samples.push(Sample {
                tested: text(&annotations["trigpoint.dev/node"]),
                from: text(&field["values"][0]),
                image: text(&container["image"]),
                is_marked: annotations["trigpoint.dev/synthetic-token"].is_string()
                    && arguments.iter().any(|a| text(a).starts_with("--synthetic=")),
            });
            self.end_once(&pod, |pod| pod_status::pass_synthetic_test(pod, 400_000_000));
        }
    }

    /// A pod that runs once is over, and went well.
    fn end_once(&self, pod: &Value, end: impl Fn(&mut Value)) {
        if pod["status"]["phase"] == "Pending" {
            self.set_pod_status(pod, end);
        }
    }

    /// A pod on each node that carries the label of a DaemonSet; others are told to
    /// end.
    fn run_daemon_sets(&self) {
        let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets");
        let stations = self.pods("station");
        for set in self.list(&path) {
            assert_eq!(set["spec"]["updateStrategy"]["type"], "OnDelete");
            let revision = name(&set);
            assert_eq!(set["spec"]["template"]["spec"]["nodeSelector"][LABEL], revision);
            for (node, label) in &self.labels {
                let has_pod = stations.iter().any(|pod| {
                    pod["spec"]["nodeName"] == node.as_str()
                        && pod["metadata"]["labels"][REVISION] == revision
                });
                if label == revision && !has_pod {
                    self.start_station(&set, node);
                }
            }
        }
        for pod in stations.iter().filter(|pod| !is_ending(pod)) {
            let node = pod["spec"]["nodeName"].as_str().unwrap();
            let revision = pod["metadata"]["labels"][REVISION].as_str().unwrap();
            if self.labels.get(node).map(String::as_str) != Some(revision) {
                self.delete_pod(pod, &json!({}));
            }
        }
    }

    fn start_station(&self, set: &Value, node: &str) {
        let others = self.pods("station");
        let there: Vec<&str> =
            others.iter().filter(|pod| pod["spec"]["nodeName"] == node).map(name).collect();
        assert!(there.is_empty(), "two stations on {node}: {there:?}");
        let mut pod = set["spec"]["template"].clone();
        pod["metadata"]["name"] = format!("{}-{node}", name(set)).into();
        pod["spec"]["nodeName"] = node.into();
        self.create(&core("pods"), &pod);
        let pod = self.get_core(&format!("pods/{}-{node}", name(set)));
        self.set_pod_status(&pod, |pod| pod_status::serve(&mut pod["status"]));
    }

    /// Stations that were told to end say how it went, and are gone.
    fn end_stations(&self) {
        if self.holds_drains {
            return;
        }
        for pod in self.pods("station").iter().filter(|pod| is_ending(pod)) {
            self.set_pod_status(pod, |pod| pod_status::drain(&mut pod["status"]));
            self.delete_pod(pod, &json!({"gracePeriodSeconds": 0}));
        }
    }

    fn delete_pod(&self, pod: &Value, options: &Value) {
        let path = core(&format!("pods/{}", name(pod)));
        let (code, answer) = self.server.request("DELETE", &path, options);
        assert!([200, 202, 404].contains(&code), "{code}: {answer}");
    }

    fn set_pod_status(&self, pod: &Value, change: impl Fn(&mut Value)) {
        self.update(&core(&format!("pods/{}/status", name(pod))), change);
    }

    fn pods(&self, component: &str) -> Vec<Value> {
        let mut pods = self.list(&core("pods"));
        pods.retain(|pod| pod["metadata"]["labels"][COMPONENT] == component);
        pods
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let (code, list) = self.server.request("GET", path, &Value::Null);
        assert_eq!(code, 200, "{path}: {list}");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    #[track_caller]
    fn create(&self, path: &str, object: &Value) {
        let (code, answer) = self.server.request("POST", path, object);
        assert_eq!(code, 201, "{path}: {}", answer["message"]);
    }

    /// Reads, changes and writes until nobody was in between; what is gone is left.
    #[track_caller]
    fn update(&self, path: &str, change: impl Fn(&mut Value)) {
        eventually(Duration::from_mins(1), "a write without another in between", || {
            let (code, mut object) = self.server.request("GET", path, &Value::Null);
            if code == 404 {
                return Some(());
            }
            change(&mut object);
            let (code, answer) = self.server.request("PUT", path, &object);
            assert!([200, 404, 409].contains(&code), "{path}: {}", answer["message"]);
            (code != 409).then_some(())
        });
    }
}

/// One wave with all nodes, one node at a time, and no waiting.
fn fleet(name: &str, changes: &Value) -> Value {
    let mut fleet = json!({
        "apiVersion": "trigpoint.dev/v1alpha1",
        "kind": "MeasurementFleet",
        "metadata": {"name": name},
        "spec": {
            "nodeSelector": {"matchLabels": {"station": "true"}},
            "template": {"image": "example.org/trigpoint:1"},
            "network": {"profile": "service"},
            "drain": {"lameDuck": "2s", "maxTest": "5s", "flush": "5s"},
            "rollout": {
                "waves": [{"name": "everywhere", "percent": 100, "bake": "0s"}],
                "minReady": "0s",
            },
        },
    });
    merge(&mut fleet["spec"], changes);
    fleet
}

fn daemon_sets(revision: &str) -> String {
    format!("/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{revision}")
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}
