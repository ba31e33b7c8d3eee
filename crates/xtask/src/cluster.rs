//! A real Kubernetes cluster of three nodes on this machine, as root on Debian.
//!
//! etcd, the control plane, and three kubelets with a containerd each, in
//! network namespaces of their own. One per machine.

mod addons;
mod certificates;
mod control_groups;
mod control_plane;
mod images;
mod layout;
mod members;
mod network;
mod nodes;
mod processes;
mod removal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::output_quietly;
use crate::{prove, tools};
use layout::{CONTROL_PLANE, Layout, NODES, OUTSIDE};
use processes::Processes;

#[derive(clap::Subcommand)]
pub(crate) enum Options {
    /// Start it, unless it is up, and say how to use it
    Up,
    /// Give every node the image of an OCI archive, as `cargo xtask image` writes one
    LoadImage { archive: PathBuf },
    /// Run a command, or a shell, with kubectl and helm, where a client is that is
    /// neither node nor pod: at 192.0.2.100
    Run {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Watch charts and image on it for half an hour: ten minutes in which nothing
    /// happens, and twelve without an API server
    Soak,
    /// Remove it, whole or in whatever state it is
    Down,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let layout = Layout::find()?;
    match options {
        Options::Up => up(&layout),
        Options::LoadImage { archive } => load_image(&layout, archive),
        Options::Run { command } => run_within(&layout, command),
        Options::Soak => prove::soak(),
        Options::Down => {
            let start = Instant::now();
            removal::remove(&layout)?;
            println!("the cluster is gone after {:.1} s", start.elapsed().as_secs_f64());
            Ok(())
        }
    }
}

/// The cluster for as long as a suite needs it: one that was up before stays.
pub(crate) struct Lent {
    layout: Layout,
    was_up: bool,
}

impl Lent {
    /// Starts it, unless it is up, and gives every node an image.
    pub(crate) fn with_image(archive: &Path) -> Result<Self> {
        let layout = Layout::find()?;
        let was_up = layout.folder().exists();
        up(&layout)?;
        let lent = Self { layout, was_up };
        load_image(&lent.layout, archive)?;
        Ok(lent)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.layout.folder()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.was_up
            && let Err(error) = removal::remove(&self.layout)
        {
            println!("the cluster could not be removed: {error:#}");
        }
    }
}

const PACKAGES: &[(&str, &str)] = &[
    ("busybox", "busybox-static"),
    ("conntrack", "conntrack"),
    ("containerd", "containerd"),
    ("/usr/lib/cni/ptp", "containernetworking-plugins"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nft", "nftables"),
    ("openssl", "openssl"),
    ("runc", "runc"),
];

fn up(layout: &Layout) -> Result<()> {
    tools::debian(PACKAGES)?;
    let bin = tools::kubernetes()?;
    if layout.folder().exists() {
        if nodes::ready(layout, &bin) == NODES.len() {
            println!("the cluster is up already");
            return say_how_to_use(layout, &bin);
        }
        bail!("a cluster is there that is not ready: `cargo xtask cluster down` removes it");
    }
    let archives = images::own(&bin)?;
    let start = Instant::now();
    let progress = |what: &str| println!("{:>6.1} s  {what}", start.elapsed().as_secs_f64());
    fs::create_dir_all(layout.folder())
        .with_context(|| format!("create `{}`", layout.folder().display()))?;
    bring_up(layout, &bin, &archives, &progress).context(
        "the cluster did not come up: look into its logs, then `cargo xtask cluster down`",
    )?;
    say_memory()?;
    say_how_to_use(layout, &bin)
}

fn bring_up(
    layout: &Layout,
    bin: &Path,
    archives: &[PathBuf],
    progress: &dyn Fn(&str),
) -> Result<()> {
    network::make()?;
    certificates::make(layout)?;
    progress("networks and certificates made");
    let mut processes = Processes::new(layout)?;
    nodes::start_containerd(layout, archives, &mut processes)?;
    progress("containerd has its images");
    control_plane::start(layout, bin, &mut processes)?;
    progress("the API server is ready");
    nodes::join(layout, bin, &mut processes)?;
    progress("three nodes are ready");
    addons::start(layout, bin, &mut processes)?;
    progress("the cluster's DNS answers on each");
    Ok(())
}

fn say_memory() -> Result<()> {
    let mut by_name = BTreeMap::<String, u64>::new();
    for member in members::all()? {
        *by_name.entry(member.name).or_default() += member.resident_bytes;
    }
    let mebibytes = |bytes: u64| bytes >> 20;
    let each: Vec<String> = by_name
        .iter()
        .filter(|(_, bytes)| mebibytes(**bytes) > 0)
        .map(|(name, bytes)| format!("{name} {}", mebibytes(*bytes)))
        .collect();
    println!("resident: {} MiB ({})", mebibytes(by_name.values().sum()), each.join(", "));
    Ok(())
}

fn say_how_to_use(layout: &Layout, bin: &Path) -> Result<()> {
    print!("{}", kubectl(layout, bin, &["get", "nodes", "-o", "wide"])?);
    println!("logs: {}", layout.logs().display());
    println!("use it by `cargo xtask cluster run kubectl get pods -A`, or by hand:");
    println!("  export KUBECONFIG={}", layout.kubeconfig("admin").display());
    println!("  export PATH={}:$PATH", bin.display());
    println!("  nsenter --net=/run/netns/{OUTSIDE} kubectl get pods -A");
    println!("a node's containers: ctr -n k8s.io -a {}", layout.containerd(NODES[0]).display());
    Ok(())
}

fn load_image(layout: &Layout, archive: &Path) -> Result<()> {
    expect_up(layout)?;
    let start = Instant::now();
    let said = images::load(layout, archive)?;
    print!("{said}");
    println!("on {} nodes after {:.1} s", NODES.len(), start.elapsed().as_secs_f64());
    Ok(())
}

fn run_within(layout: &Layout, words: &[String]) -> Result<()> {
    expect_up(layout)?;
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| "sh".into());
    let executable = words.first().map_or(shell.to_string_lossy(), Into::into);
    let mut command = network::within(OUTSIDE, &executable);
    command.args(words.iter().skip(1));
    let mut command = with_access(command, layout, &tools::kubernetes()?)?;
    command.current_dir(std::env::current_dir().context("find the current folder")?);
    let status = command.status().with_context(|| format!("start `{executable}`"))?;
    // Like the command itself, for scripts.
    std::process::exit(status.code().unwrap_or(1));
}

fn expect_up(layout: &Layout) -> Result<()> {
    if !layout.kubeconfig("admin").exists() {
        bail!("there is no cluster: `cargo xtask cluster up` starts one");
    }
    Ok(())
}

/// What `kubectl` answers.
fn kubectl(layout: &Layout, bin: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = network::within(CONTROL_PLANE, &bin.join("kubectl").to_string_lossy());
    command
        .arg("--request-timeout=20s")
        .args(arguments)
        .env("KUBECONFIG", layout.kubeconfig("admin"));
    output_quietly(&mut command)
}

fn with_access(mut command: Command, layout: &Layout, bin: &Path) -> Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).context("put the tools before PATH")?;
    command.env("PATH", path).env("KUBECONFIG", layout.kubeconfig("admin"));
    Ok(command)
}
