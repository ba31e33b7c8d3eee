//! A container of the image by runc, as containerd makes it for a pod that fits
//! Pod Security `restricted`: nothing but `/tmp` to write, no capabilities, hosts
//! and resolvers from files beside the image.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use trigpoint_testkit::{Directory, Finished, Process, run};

use crate::archive::Image;
use crate::resolver;

/// Far above what a loaded two-core machine needs.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);
/// In `/etc/hosts`, and nowhere else.
pub(crate) const BY_HOSTS: &str = "by-hosts.trigpoint.example";
/// What the resolver of `/etc/resolv.conf` knows, and nobody else.
pub(crate) const BY_DNS: &str = "by-dns.trigpoint.example";

/// Where containers of one test are.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) directory: Directory,
    image: Image,
}

/// What a container gets beside the image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    /// Name and value of environment variables.
    pub(crate) environment: Vec<(String, String)>,
    /// A file of this machine, and where it is in the container.
    pub(crate) files: Vec<(PathBuf, String)>,
}

impl Host {
    pub(crate) fn new() -> Self {
        let directory = Directory::new();
        let image = Image::unpack(&directory);
        fs::write(directory.join("hosts"), format!("127.0.0.1 localhost {BY_HOSTS}\n")).unwrap();
        let resolver = resolver::that_knows(BY_DNS);
        fs::write(directory.join("resolv.conf"), format!("nameserver {resolver}\n")).unwrap();
        Self { directory, image }
    }

    /// Starts the image with `arguments` for its entrypoint.
    pub(crate) fn trigpoint(&self, arguments: &[&str], extras: &Extras) -> Container<'_> {
        let entrypoint = self.image.list("Entrypoint");
        self.start(&[&entrypoint, arguments].concat(), extras)
    }

    /// Starts the image with another `command` than its entrypoint.
    pub(crate) fn start(&self, command: &[&str], extras: &Extras) -> Container<'_> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("trigpoint-image-{}-{number}", std::process::id());
        let bundle = self.directory.join(&name);
        fs::create_dir(&bundle).unwrap();
        run(self.runc(&["spec", "--bundle"]).arg(&bundle), DEADLINE).expect_code(0);
        let file = bundle.join("config.json");
        let mut config = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        self.configure(&mut config, command, extras);
        fs::write(&file, config.to_string()).unwrap();
        let mut runc = self.runc(&["run", "--pid-file"]);
        runc.arg(bundle.join("pid")).arg("--bundle").arg(&bundle).arg(&name);
        Container { host: self, process: Some(Process::start(&mut runc)), bundle, name }
    }

    /// Changes what `runc spec` proposes.
    fn configure(&self, config: &mut Value, command: &[&str], extras: &Extras) {
        let user = self.image.settings["User"].as_str().unwrap();
        let (user, group) = user.split_once(':').unwrap();
        let mut environment: Vec<String> =
            self.image.list("Env").iter().map(ToString::to_string).collect();
        environment
            .extend(extras.environment.iter().map(|(name, value)| format!("{name}={value}")));
        let process = &mut config["process"];
        process["terminal"] = false.into();
        process["args"] = json!(command);
        process["env"] = json!(environment);
        process["cwd"] = self.image.settings["WorkingDir"].clone();
        process["user"] = json!({
            "uid": user.parse::<u32>().unwrap(),
            "gid": group.parse::<u32>().unwrap(),
        });
        process["capabilities"] = json!({});
        process["rlimits"] = json!([]);
        config["root"] = json!({"path": self.image.root, "readonly": true});

        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.push(json!({
            "destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=1777"],
        }));
        let named = ["hosts", "resolv.conf"]
            .map(|name| (self.directory.join(name), format!("/etc/{name}")));
        for (source, destination) in named.iter().chain(&extras.files) {
            mounts.push(json!({
                "destination": destination, "type": "bind", "source": source,
                "options": ["bind", "ro"],
            }));
        }
        // Loopback is where the test's own servers are.
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "network");
    }

    fn runc(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(self.directory.join("runc")).args(arguments);
        command
    }
}

/// A running container, which ends with the test.
#[derive(Debug)]
pub(crate) struct Container<'host> {
    host: &'host Host,
    /// `runc`, which hands signals on and ends with the container.
    process: Option<Process>,
    bundle: PathBuf,
    name: String,
}

impl Container<'_> {
    /// `runc`, with the outputs of the container.
    pub(crate) fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    /// What the kernel says of the program itself.
    pub(crate) fn status(&self) -> String {
        let pid = fs::read_to_string(self.bundle.join("pid")).unwrap();
        fs::read_to_string(Path::new("/proc").join(pid).join("status")).unwrap()
    }

    /// Waits for the end, which is near.
    pub(crate) fn finished(mut self) -> Finished {
        self.process.take().unwrap().finished(DEADLINE)
    }

    /// Ends it as Kubernetes does.
    pub(crate) fn stop(mut self) -> Finished {
        self.process.take().unwrap().stop(DEADLINE)
    }

    /// The one line on stderr of a program that fails.
    pub(crate) fn refusal(self, code: i32) -> String {
        let finished = self.finished();
        finished.expect_code(code);
        let lines: Vec<_> = finished.stderr.lines().collect();
        assert!(lines.len() == 1 && lines[0].len() < 500, "{}", finished.stderr);
        lines[0].to_owned()
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // Killing `runc` would leave its container. After the end there is nothing to delete.
        let mut delete = self.host.runc(&["delete", "--force", &self.name]);
        let _ = delete.output();
    }
}
