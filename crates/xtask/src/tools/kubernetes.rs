//! Kubernetes and what a cluster needs beside it, built from source: the Go
//! module proxy is enough, and no release server is asked.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::cache;
use crate::command::{program, root, run};

/// The newest that takes cgroup v1 without a fight; `tools/kubernetes/go.mod` says the same.
const KUBERNETES: &str = "v1.34.4";
const COREDNS: &str = "github.com/coredns/coredns@v1.12.4";
const HELM: &str = "helm.sh/helm/v4/cmd/helm@v4.3.1";
/// Half of the field still has it.
const HELM_3: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";

/// The folder of `etcd`, `kube-apiserver` and the other parts of the control
/// plane, `kubelet`, `kube-proxy`, `kubectl`, `coredns`, `helm` and `helm3`.
pub(crate) fn kubernetes() -> Result<PathBuf> {
    let tools = Tools::ours()?;
    let bin = &tools.bin;
    tools.install("etcd", &module("etcd")?, || {
        let output = bin.join("etcd");
        run(tools.build("etcd", &output).arg("go.etcd.io/etcd/server/v3"))
    })?;
    tools.install("kubernetes", &module("kubernetes")?, || {
        let number = "k8s.io/component-base/version";
        let version = format!(
            "-s -w -X {number}.gitVersion={KUBERNETES} -X {number}.gitMajor=1 \
             -X {number}.gitMinor=34"
        );
        // With a slash at its end it is a folder, whether it is there or not.
        run(tools.build("kubernetes", &bin.join("")).args(["-ldflags", &version, "tool"]))
    })?;
    tools.install("coredns", COREDNS, || tools.fetch(COREDNS, &bin.join("coredns")))?;
    tools.install_helm()?;
    Ok(tools.finish())
}

/// The folder of `helm` and `helm3`, for those who need nothing else there: two
/// minutes of building instead of twelve.
pub(crate) fn helm() -> Result<PathBuf> {
    let tools = Tools::ours()?;
    tools.install_helm()?;
    Ok(tools.finish())
}

struct Tools {
    bin: PathBuf,
    /// What was installed of each tool.
    installed: PathBuf,
    /// Go's caches: 5 GB that nobody needs again.
    scratch: PathBuf,
    /// Held while anything is installed: the scratch is one for all.
    _lock: File,
}

impl Tools {
    fn ours() -> Result<Self> {
        Self::at(&cache()?.join("tools/kubernetes"))
    }

    fn at(folder: &Path) -> Result<Self> {
        let [bin, installed] = ["bin", "installed"].map(|name| folder.join(name));
        for folder in [&bin, &installed] {
            fs::create_dir_all(folder).with_context(|| format!("create `{}`", folder.display()))?;
        }
        let path = folder.join("lock");
        let lock = File::create(&path)
            .and_then(|file| file.lock().map(|()| file))
            .with_context(|| format!("lock `{}`", path.display()))?;
        Ok(Self { bin, installed, scratch: folder.join("scratch"), _lock: lock })
    }

    fn install_helm(&self) -> Result<()> {
        self.install("helm", HELM, || self.fetch(HELM, &self.bin.join("helm")))?;
        self.install("helm3", HELM_3, || self.fetch(HELM_3, &self.bin.join("helm3")))
    }

    fn finish(self) -> PathBuf {
        fs::remove_dir_all(&self.scratch).ok();
        self.bin
    }

    /// Runs `make` unless it has made what is `wanted` before.
    fn install(&self, name: &str, wanted: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
        let installed = self.installed.join(name);
        if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        make()?;
        fs::write(&installed, wanted).with_context(|| format!("write `{}`", installed.display()))
    }

    /// `go build` in one of the modules in `tools/`.
    fn build(&self, module: &str, output: &Path) -> Command {
        let mut build = self.go(&["build", "-trimpath", "-o"]);
        build.arg(output).current_dir(root().join("tools").join(module));
        build
    }

    /// `go install`, under a name of ours.
    fn fetch(&self, package: &str, executable: &Path) -> Result<()> {
        let installed = self.scratch.join("bin");
        let mut install = self.go(&["install", "-trimpath", "-ldflags", "-s -w", package]);
        run(install.env("GOBIN", &installed))?;
        let (path, _) = package.split_once('@').context("find the version of a Go package")?;
        let name = path.rsplit('/').next().unwrap_or(path);
        fs::rename(installed.join(name), executable)
            .with_context(|| format!("put `{}` in its place", executable.display()))
    }

    fn go(&self, arguments: &[&str]) -> Command {
        let mut go = program("go", arguments);
        go.env("CGO_ENABLED", "0").env("GOFLAGS", "-buildvcs=false -modcacherw");
        go.env("GOCACHE", self.scratch.join("build")).env("GOMODCACHE", self.scratch.join("mod"));
        go
    }
}

/// What a module in `tools/` is made of.
fn module(name: &str) -> Result<String> {
    let path = root().join("tools").join(name).join("go.mod");
    fs::read_to_string(&path).with_context(|| format!("read `{}`", path.display()))
}
