//! All kubelets of a cluster and the controller of DaemonSets,
//! as far as stations need them, for a thousand nodes: they act on what a watch tells
//! them, and ask for no lists.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::queue::Queue;
use super::{COMPONENT, NAMESPACE, REVISION, REVISION_LABEL, core, pod_status};
use crate::Plain;

/// Requests at once.
const WORKERS: usize = 8;
/// After a write over something that had changed.
const AGAIN: Duration = Duration::from_millis(10);

/// They work until this goes.
#[derive(Debug)]
pub struct Kubelets {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    api: Plain,
    queue: Queue<Job>,
    seen: Mutex<Seen>,
}

/// A look at something, and whatever is next to do with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Job {
    Node(String),
    Pod(String),
}

#[derive(Debug, Default)]
struct Seen {
    /// How long a probe, a start, a drain and a test take, each.
    pace: Duration,
    /// By name of the node.
    labels: HashMap<String, String>,
    /// Templates of DaemonSets, by name.
    templates: HashMap<String, Value>,
    /// By name.
    pods: HashMap<String, Value>,
    wrong: Vec<String>,
}

impl Kubelets {
    /// Starts them; each thing that a pod does is done at once until
    /// [`Self::set_pace`].
    pub fn start(api: Plain) -> Self {
        let shared = Arc::new(Shared { api, queue: Queue::new(), seen: Mutex::default() });
        let daemon_sets = format!("/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets");
        shared.follow("/api/v1/nodes", Shared::see_node);
        shared.follow(&daemon_sets, Shared::see_daemon_set);
        shared.follow(&core("pods"), Shared::see_pod);
        for _ in 0..WORKERS {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                while let Some(job) = shared.queue.take() {
                    match job {
                        Job::Node(node) => shared.look_at_node(&node),
                        Job::Pod(pod) => shared.look_at_pod(&pod),
                    }
                }
            });
        }
        Self { shared }
    }

    /// How long a probe, a start, a drain and a test take from now on, each.
    pub fn set_pace(&self, pace: Duration) {
        self.shared.seen().pace = pace;
    }

    /// Images of the stations that serve, each with how many.
    pub fn images(&self) -> HashMap<String, usize> {
        let seen = self.shared.seen();
        let mut images: HashMap<String, usize> = HashMap::new();
        for pod in seen.pods.values().filter(|pod| is_for(pod, "station") && serves(pod)) {
            *images.entry(text(&pod["spec"]["containers"][0]["image"])).or_default() += 1;
        }
        images
    }

    /// What should not have been, as two stations on one node.
    pub fn wrong(&self) -> Vec<String> {
        self.shared.seen().wrong.clone()
    }
}

impl Drop for Kubelets {
    fn drop(&mut self) {
        self.shared.queue.end();
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On a thread that ends with the server.
    fn follow(self: &Arc<Self>, path: &str, see: fn(&Self, bool, Value)) {
        let events = self.api.watch(path);
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            for (what, object) in events {
                see(&shared, what == "DELETED", object);
            }
        });
    }

    #[expect(clippy::needless_pass_by_value, reason = "the others keep what they are given")]
    fn see_node(&self, is_gone: bool, node: Value) {
        let name = text(&node["metadata"]["name"]);
        let label = node["metadata"]["labels"][REVISION_LABEL].as_str().filter(|_| !is_gone);
        let mut seen = self.seen();
        let before = match label {
            Some(label) => seen.labels.insert(name.clone(), label.to_owned()),
            None => seen.labels.remove(&name),
        };
        if before.as_deref() != label {
            self.queue.add(Job::Node(name), Instant::now());
        }
    }

    fn see_daemon_set(&self, is_gone: bool, mut set: Value) {
        let name = text(&set["metadata"]["name"]);
        let mut seen = self.seen();
        if is_gone {
            seen.templates.remove(&name);
            return;
        }
        seen.templates.insert(name.clone(), set["spec"]["template"].take());
        for (node, _) in seen.labels.iter().filter(|(_, label)| **label == name) {
            self.queue.add(Job::Node(node.clone()), Instant::now());
        }
    }

    fn see_pod(&self, is_gone: bool, pod: Value) {
        let name = text(&pod["metadata"]["name"]);
        let node = text(&pod["spec"]["nodeName"]);
        let mut seen = self.seen();
        if is_gone {
            seen.pods.remove(&name);
            self.queue.add(Job::Node(node), Instant::now());
            return;
        }
        let is_new = !seen.pods.contains_key(&name);
        let has_work = next(&pod).is_some();
        let pace = seen.pace;
        seen.pods.insert(name.clone(), pod);
        if has_work {
            self.queue.add(Job::Pod(name), Instant::now() + pace);
        }
        if is_new {
            self.queue.add(Job::Node(node), Instant::now());
        }
    }

    /// As the controller of DaemonSets, for one node.
    fn look_at_node(&self, node: &str) {
        let (label, template, stations) = {
            let seen = self.seen();
            let label = seen.labels.get(node).cloned();
            let template = label.as_ref().and_then(|label| seen.templates.get(label)).cloned();
            let is_here = |pod: &&Value| is_for(pod, "station") && pod["spec"]["nodeName"] == node;
            let stations: Vec<Value> = seen.pods.values().filter(is_here).cloned().collect();
            (label, template, stations)
        };
        let is_wanted =
            |pod: &Value| label.is_some() && pod["metadata"]["labels"][REVISION] == json!(label);
        for pod in stations.iter().filter(|pod| !is_wanted(pod) && !pod_status::is_ending(pod)) {
            self.delete(&text(&pod["metadata"]["name"]), &json!({}));
        }
        let (Some(label), Some(mut pod)) = (&label, template) else { return };
        if stations.iter().any(is_wanted) {
            return;
        }
        for other in &stations {
            let path = core(&format!("pods/{}", text(&other["metadata"]["name"])));
            // That it is gone may not have been told yet.
            if self.api.request("GET", &path, &Value::Null).0 == 200 {
                self.seen().wrong.push(format!("two stations on {node}: {path} and {label}"));
            }
        }
        pod["metadata"]["name"] = format!("{label}-{node}").into();
        pod["spec"]["nodeName"] = node.into();
        let (code, answer) = self.api.request("POST", &core("pods"), &pod);
        if ![201, 409].contains(&code) {
            self.seen().wrong.push(format!("a station on {node}: {}", answer["message"]));
        }
    }

    /// As a kubelet, for one pod.
    fn look_at_pod(&self, name: &str) {
        let pod = self.seen().pods.get(name).cloned();
        let Some(mut pod) = pod else { return };
        let Some(next) = next(&pod) else { return };
        match next {
            Next::Serve => pod_status::serve(&mut pod["status"]),
            Next::Drain => pod_status::drain(&mut pod["status"]),
            Next::PassProbe => pod_status::pass_probe(&mut pod),
            Next::PassSelfTest => pod_status::pass_self_test(&mut pod, false),
        }
        let path = core(&format!("pods/{name}/status"));
        match self.api.request("PUT", &path, &pod) {
            (200, _) if next == Next::Drain => {
                self.delete(name, &json!({"gracePeriodSeconds": 0}));
            }
            (200 | 404, _) => {}
            (409, _) => self.queue.add(Job::Pod(name.to_owned()), Instant::now() + AGAIN),
            (_, answer) => self.seen().wrong.push(format!("{path}: {}", answer["message"])),
        }
    }

    fn delete(&self, pod: &str, options: &Value) {
        let path = core(&format!("pods/{pod}"));
        let (code, answer) = self.api.request("DELETE", &path, options);
        if ![200, 202, 404].contains(&code) {
            self.seen().wrong.push(format!("delete {path}: {}", answer["message"]));
        }
    }
}

/// What a kubelet does next with a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Serve,
    Drain,
    PassProbe,
    PassSelfTest,
}

fn next(pod: &Value) -> Option<Next> {
    let is_pending = pod["status"]["phase"] == "Pending";
    match pod["metadata"]["labels"][COMPONENT].as_str()? {
        "station" if pod_status::is_ending(pod) => Some(Next::Drain),
        "station" if !serves(pod) => Some(Next::Serve),
        "probe" if is_pending => Some(Next::PassProbe),
        "self-test" if is_pending => Some(Next::PassSelfTest),
        _ => None,
    }
}

fn serves(pod: &Value) -> bool {
    pod["status"]["phase"] == "Running" && !pod_status::is_ending(pod)
}

fn is_for(pod: &Value, component: &str) -> bool {
    pod["metadata"]["labels"][COMPONENT] == component
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
