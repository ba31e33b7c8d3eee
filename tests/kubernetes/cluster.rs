//! The real cluster that `cargo xtask cluster up` has started, as its administrator
//! sees it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use trigpoint_testkit::{Administrator, Directory, Finished, Plain, beside, eventually, run};

/// Far above what anything takes here.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);
/// A client that is neither node nor pod is in this network, at this address.
pub(crate) const OUTSIDE: &str = "localclient";
pub(crate) const OUTSIDE_ADDRESS: &str = "192.0.2.100";
/// The suite's image, and the same under the name of another version.
pub(crate) const IMAGE: &str = concat!("localhost/trigpoint:", env!("CARGO_PKG_VERSION"));
pub(crate) const NEXT_IMAGE: &str = "localhost/trigpoint:next";

/// A node of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) address: &'static str,
    /// Its network namespace, and the name of its link to the others.
    pub(crate) network: &'static str,
}

impl Node {
    /// A program in the node's own network, which knows the way to every pod.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.network)).arg(program);
        command
    }
}

pub(crate) const NODES: [Node; 3] = [
    Node { name: "node1", address: "192.0.2.1", network: "localkube" },
    Node { name: "node2", address: "192.0.2.12", network: "knode2" },
    Node { name: "node3", address: "192.0.2.13", network: "knode3" },
];

pub(crate) struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    administrator: Administrator,
    pub(crate) directory: Directory,
}

impl Cluster {
    #[track_caller]
    pub(crate) fn find() -> Self {
        let [bin, folder] = ["KUBERNETES_BIN", "KUBERNETES_CLUSTER"].map(|name| {
            PathBuf::from(std::env::var_os(name).unwrap_or_else(|| {
                panic!("{name} is not set: run this suite by `cargo xtask prove kubernetes`")
            }))
        });
        let directory = Directory::new();
        let kubectl = command(&folder, bin.join("kubectl"));
        let administrator = Administrator::start(kubectl, &directory.join("administrator"));
        Self { bin, folder, administrator, directory }
    }

    /// A program where a client is that is neither node nor pod, as administrator.
    pub(crate) fn outside(&self, program: impl AsRef<OsStr>) -> Command {
        command(&self.folder, program.as_ref())
    }

    #[track_caller]
    pub(crate) fn kubectl<const N: usize>(&self, arguments: [&str; N]) -> Finished {
        run(self.outside(self.bin.join("kubectl")).args(arguments), DEADLINE)
    }

    #[track_caller]
    pub(crate) fn helm<const N: usize>(&self, arguments: [&str; N]) -> Finished {
        run(self.outside(self.bin.join("helm")).args(arguments), 2 * DEADLINE)
    }

    /// `trigpoint`, as a person starts it there.
    #[track_caller]
    pub(crate) fn trigpoint<const N: usize>(&self, arguments: [&str; N]) -> Finished {
        run(self.outside(trigpoint()).args(arguments), DEADLINE)
    }

    /// Where whoever comes is its administrator, by plain HTTP.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("administrator")
    }

    /// The same for a thread.
    pub(crate) fn plain(&self) -> Plain {
        self.administrator.plain().clone()
    }

    /// Gives the image another name on every node.
    #[track_caller]
    pub(crate) fn tag_image(&self, name: &str) {
        for node in NODES {
            let mut ctr = Command::new("ctr");
            let socket = self.folder.join(node.name).join("containerd.sock");
            ctr.args(["-n", "k8s.io", "-a"]).arg(socket);
            ctr.args(["images", "tag", "--force", IMAGE, name]);
            run(&mut ctr, DEADLINE).expect_code(0);
        }
    }

    /// Every request that the API server was asked, a JSON object each.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("logs/audit.log")).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The number of one of its processes.
    #[track_caller]
    pub(crate) fn process(&self, name: &str) -> u32 {
        let path = self.folder.join("processes").join(name);
        std::fs::read_to_string(&path).unwrap().trim().parse().unwrap()
    }

    /// Another process has taken its place.
    pub(crate) fn record(&self, name: &str, id: u32) {
        std::fs::write(self.folder.join("processes").join(name), format!("{id}\n")).unwrap();
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        // "Storage is (re)initializing", behind a definition that is new.
        let (code, object) = eventually(DEADLINE, "the API server has an answer", || {
            let answer = self.administrator.request("GET", path, &Value::Null);
            (answer.0 != 429).then_some(answer)
        });
        match code {
            200 => Some(object),
            404 => None,
            _ => panic!("get {path}: {code} {object}"),
        }
    }

    #[track_caller]
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let list = self.get(path).unwrap_or_else(|| panic!("nothing is served at {path}"));
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Makes or changes an object as `kubectl apply` would.
    #[track_caller]
    pub(crate) fn apply(&self, object: &Value) {
        let refusal = self.try_apply(object);
        assert!(refusal.is_none(), "{}", refusal.unwrap_or_default());
    }

    /// What it is refused with, if it is.
    pub(crate) fn try_apply(&self, object: &Value) -> Option<String> {
        let file = self.directory.join("object.json");
        std::fs::write(&file, object.to_string()).unwrap();
        let file = file.to_str().unwrap();
        let applied =
            self.kubectl(["apply", "--server-side", "--force-conflicts", "--filename", file]);
        (applied.code() != Some(0)).then_some(applied.stderr)
    }

    /// A JSON merge patch.
    #[track_caller]
    pub(crate) fn change(&self, path: &str, changes: &Value) {
        let (code, answer) = self.administrator.request("PATCH", path, changes);
        assert_eq!(code, 200, "change {path}: {answer}");
    }

    /// Deletes it, and waits until it is gone.
    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        let (code, answer) = self.administrator.request("DELETE", path, &Value::Null);
        assert!([200, 202, 404].contains(&code), "delete {path}: {code} {answer}");
        eventually(DEADLINE, &format!("{path} is gone"), || self.get(path).is_none().then_some(()));
    }

    pub(crate) fn label_node(&self, node: &str, label: &str, value: &Value) {
        let labels = serde_json::json!({"metadata": {"labels": {label: value}}});
        self.change(&format!("/api/v1/nodes/{node}"), &labels);
    }
}

fn command(folder: &Path, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{OUTSIDE}")).arg(program);
    command.env("KUBECONFIG", folder.join("admin.kubeconfig"));
    command
}

/// The executable of the image, as `cargo xtask prove` has just built it.
pub(crate) fn trigpoint() -> PathBuf {
    let suite = std::env::current_exe().unwrap();
    beside(suite.parent().unwrap().to_str().unwrap(), "trigpoint")
}
