//! A real Kubernetes API server on loopback, with etcd, and nothing that acts on
//! what is stored in it: no controllers, no nodes.

mod audit;

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rcgen::KeyPair;
use serde_json::{Value, json};

pub use audit::{Audit, Change};

use crate::administrator::Plain;
use crate::s3::free_address;
use crate::{Administrator, Directory, Finished, Process, eventually, run};

/// Far above what a loaded two-core machine needs: a quiet one takes three seconds.
const DEADLINE: Duration = Duration::from_mins(3);

/// An API server that ends with the test.
#[derive(Debug)]
pub struct ApiServer {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    operators_kubeconfig: PathBuf,
    administrator: Administrator,
    audit: Audit,
    _processes: [Process; 2],
}

impl ApiServer {
    /// Starts `etcd` and `kube-apiserver` of the folder that `KUBERNETES_BIN`
    /// names, with their data in `directory`.
    #[track_caller]
    pub fn start(directory: &Directory) -> Self {
        let bin = PathBuf::from(std::env::var_os("KUBERNETES_BIN").unwrap_or_else(|| {
            panic!(
                "KUBERNETES_BIN names no folder: run this suite by `cargo xtask prove definitions` or `tokens`"
            )
        }));
        let clients = format!("http://{}", free_address());
        let etcd = etcd(&bin.join("etcd"), directory, &clients);
        let address = free_address();
        let audit = Audit::new(directory);
        write(&audit.policy, &Audit::policy(USER_OF_THE_OPERATOR).to_string());
        let server = api_server(&bin.join("kube-apiserver"), directory, &clients, address, &audit);
        let kubectl = bin.join("kubectl");
        let kubeconfig = directory.join("kubeconfig");
        write(&kubeconfig, &comes_in_by(ADMINISTRATOR, address).to_string());
        let operators_kubeconfig = directory.join("kubeconfig-of-the-operator");
        write(&operators_kubeconfig, &comes_in_by(OPERATOR, address).to_string());
        eventually(DEADLINE, "the API server is ready", || {
            let mut ready = client(&kubectl, &kubeconfig);
            (run(ready.args(["get", "--raw=/readyz"]), DEADLINE).code() == Some(0)).then_some(())
        });
        let administrator =
            Administrator::start(client(&kubectl, &kubeconfig), &directory.join("administrator"));
        let processes = [server, etcd];
        Self {
            kubectl,
            kubeconfig,
            operators_kubeconfig,
            administrator,
            audit,
            _processes: processes,
        }
    }

    /// File by which a program comes in as a cluster administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// File by which a program comes in as the user `operator`, who may do all that an
    /// administrator may, and is told apart in [`Self::audit`].
    pub fn operators_kubeconfig(&self) -> &Path {
        &self.operators_kubeconfig
    }

    /// What that user changed.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// What speaks to it as a cluster administrator, for threads that outlive it.
    pub fn plain(&self) -> Plain {
        self.administrator.plain().clone()
    }

    /// Runs `kubectl` as a cluster administrator.
    #[track_caller]
    pub fn kubectl(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Finished {
        run(client(&self.kubectl, &self.kubeconfig).args(arguments), DEADLINE)
    }

    /// One request as a cluster administrator, with an object or null for none:
    /// the status code and the object, or the text, that came back.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.administrator.request(method, path, body)
    }
}

fn etcd(executable: &Path, directory: &Directory, clients: &str) -> Process {
    let peers = format!("http://{}", free_address());
    let mut command = Command::new(executable);
    command.arg("--data-dir").arg(directory.join("etcd"));
    command.args(["--listen-client-urls", clients, "--advertise-client-urls", clients]);
    command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
    command.args(["--initial-cluster", &format!("default={peers}")]);
    // Nothing in it is to survive the test.
    Process::start(command.args(["--unsafe-no-fsync", "--log-level=warn"]))
}

fn api_server(
    executable: &Path,
    directory: &Directory,
    etcd: &str,
    address: SocketAddr,
    audit: &Audit,
) -> Process {
    let [private, public] =
        ["service-accounts.key", "service-accounts.pub"].map(|name| directory.join(name));
    let key = KeyPair::generate().unwrap_or_else(|error| panic!("cannot make a key: {error}"));
    write(&private, &key.serialize_pem());
    write(&public, &key.public_key_pem());
    let tokens = directory.join("tokens.csv");
    write(
        &tokens,
        &format!(
            "{ADMINISTRATOR},administrator,administrator,system:masters\n\
             {OPERATOR},{USER_OF_THE_OPERATOR},operator,system:masters\n"
        ),
    );
    let mut command = Command::new(executable);
    command.args(["--etcd-servers", etcd]);
    command.args(["--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"]);
    command.args(["--secure-port", &address.port().to_string()]);
    command.arg("--cert-dir").arg(directory.join("certificates"));
    command.arg("--token-auth-file").arg(&tokens);
    command.args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16"]);
    command.args(["--endpoint-reconciler-type=none"]);
    command.arg("--service-account-issuer=https://kubernetes.default.svc.cluster.local");
    command.arg("--service-account-key-file").arg(&public);
    command.arg("--service-account-signing-key-file").arg(&private);
    command.arg("--audit-policy-file").arg(&audit.policy);
    command.arg("--audit-log-path").arg(&audit.log);
    Process::start(&mut command)
}

const ADMINISTRATOR: &str = "administrator-of-a-test";
const OPERATOR: &str = "operator-of-a-test";
const USER_OF_THE_OPERATOR: &str = "operator";

fn comes_in_by(token: &str, address: SocketAddr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        // Its certificate is of its own making and new for each test.
        "clusters": [{"name": "test", "cluster": {
            "server": format!("https://{address}"),
            "insecure-skip-tls-verify": true,
        }}],
        "users": [{"name": "test", "user": {"token": token}}],
    })
}

fn client(kubectl: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(kubectl);
    command.arg("--kubeconfig").arg(kubeconfig);
    // Its cache of what the server has is for longer than a test changes that.
    command.arg("--cache-dir").arg(kubeconfig.with_file_name("kubectl-cache"));
    command
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("write `{}`: {error}", path.display()));
}
