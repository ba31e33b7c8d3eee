//! Images without a registry: made here, and imported into each node's
//! containerd. Pods name them with `imagePullPolicy: Never`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use super::layout::{Layout, NODES};
use crate::buildah::Buildah;
use crate::command::{output_quietly, program, run_quietly};

/// A shell and the usual tools; the sandbox of each pod is one that sleeps.
pub(crate) const BUSYBOX: &str = "localhost/busybox:1";
const COREDNS: &str = "localhost/coredns:1";

/// Archives of what the cluster itself runs, made once.
pub(crate) fn own(bin: &Path) -> Result<Vec<PathBuf>> {
    let folder = bin.with_file_name("images");
    fs::create_dir_all(&folder).with_context(|| format!("create `{}`", folder.display()))?;
    let [busybox, coredns] = ["busybox.tar", "coredns.tar"].map(|name| folder.join(name));
    let buildah = Buildah::new()?;
    if !busybox.exists() {
        let root = Scratch::new(&folder)?;
        let real = fs::canonicalize("/bin/busybox").context("find busybox")?;
        let within = root.0.join(real.strip_prefix("/").unwrap_or(&real));
        let links = root.0.join("bin");
        for folder in within.parent().into_iter().chain([links.as_path()]) {
            fs::create_dir_all(folder).with_context(|| format!("create `{}`", folder.display()))?;
        }
        fs::copy(&real, within).context("copy busybox")?;
        // To itself, where it really is.
        run_quietly(program("busybox", &["--install", "-s"]).arg(&links))?;
        let sleep = ["--entrypoint", r#"["/bin/busybox"]"#, "--cmd", "sleep infinity"];
        make(&buildah, &root.0, &sleep, BUSYBOX, &busybox)?;
    }
    // The executable is newer where the version was changed.
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    if modified(&coredns) < modified(&bin.join("coredns")) {
        let root = Scratch::new(&folder)?;
        fs::copy(bin.join("coredns"), root.0.join("coredns")).context("copy coredns")?;
        make(&buildah, &root.0, &["--entrypoint", r#"["/coredns"]"#], COREDNS, &coredns)?;
    }
    Ok(vec![busybox, coredns])
}

/// Imports an archive into every node; what containerd says of it.
pub(crate) fn load(layout: &Layout, archive: &Path) -> Result<String> {
    let imports = NODES.map(|node| {
        let mut import = program("ctr", &["-n", "k8s.io", "-a"]);
        import.arg(layout.containerd(node)).args(["images", "import"]).arg(archive);
        std::thread::spawn(move || output_quietly(&mut import))
    });
    let mut said = String::new();
    for import in imports {
        said = import.join().map_err(|_| anyhow!("import `{}`", archive.display()))??;
    }
    Ok(said)
}

fn make(
    buildah: &Buildah,
    root: &Path,
    settings: &[&str],
    name: &str,
    archive: &Path,
) -> Result<()> {
    let container = output_quietly(&mut buildah.command(&["from", "scratch"]))?;
    let container = container.trim();
    output_quietly(buildah.command(&["copy", container]).arg(root).arg("/"))?;
    output_quietly(buildah.command(&["config"]).args(settings).arg(container))?;
    let target = format!("oci-archive:{}:{name}", archive.display());
    output_quietly(&mut buildah.command(&[
        "commit",
        "--quiet",
        "--disable-compression",
        container,
        &target,
    ]))?;
    Ok(())
}

/// The root of an image to be.
struct Scratch(PathBuf);

impl Scratch {
    fn new(beside: &Path) -> Result<Self> {
        let folder = beside.join(format!("root-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("create `{}`", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
