//! The container image, by the runtime stage of the very `Dockerfile` that
//! builds it elsewhere.

mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::buildah::Buildah;
use crate::command::{output_quietly, program, root, run};
use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Optimised executables: the profile `release`
    #[arg(long)]
    release: bool,
    /// Without `trigpoint`, which links DataFusion: for work on the station
    #[arg(long)]
    only_station: bool,
    /// Only put the image's files into this folder, as the Dockerfile does
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
}

const EXECUTABLES: &[&str] = &["trigpoint", "trigpoint-station"];
const NAME: &str = concat!("localhost/trigpoint:", env!("CARGO_PKG_VERSION"));

/// Builds it and says how large it is and what to do with it.
pub(crate) fn run_options(options: &Options) -> Result<()> {
    let profile = if options.release { "release" } else { "dev" };
    let executables = if options.only_station { &EXECUTABLES[1..] } else { EXECUTABLES };
    if let Some(folder) = &options.files {
        return files::make(folder, profile, executables);
    }
    let archive = build_with(profile, executables)?;
    println!("{}: {:.1} MB compressed", archive.display(), megabytes(&archive)?);
    println!("`cargo xtask cluster load-image {}` gives it to a cluster", archive.display());
    Ok(())
}

/// Builds it with both executables; the path of an OCI archive that holds it.
pub(crate) fn build(profile: &str) -> Result<PathBuf> {
    build_with(profile, EXECUTABLES)
}

fn build_with(profile: &str, executables: &[&str]) -> Result<PathBuf> {
    // What the `Dockerfile` finds as `/image` in its first stage.
    let stage = Stage(tools::target().join("image/stage"));
    // What a build that was interrupted has left.
    fs::remove_dir_all(&stage.0).ok();
    files::make(&stage.0.join("image"), profile, executables)?;
    let start = Instant::now();
    let buildah = Buildah::new()?;
    let mut build = buildah.command(&["build", "--target", "runtime", "--build-context"]);
    build.arg(format!("build={}", stage.0.display()));
    build.arg("--build-arg").arg(format!("VERSION={}", env!("CARGO_PKG_VERSION")));
    build.arg("--build-arg").arg(format!("REVISION={}", git(&["rev-parse", "HEAD"])?));
    // The same files make the same image.
    build.arg("--timestamp").arg(git(&["log", "-1", "--format=%ct"])?);
    run(build.args(["--quiet", "--tag", NAME]).arg(root()))?;
    let archive = stage.0.with_file_name("trigpoint.tar");
    // It would add to one that is there.
    fs::remove_file(&archive).ok();
    let target = format!("oci-archive:{}:{NAME}", archive.display());
    run(&mut buildah.command(&["push", "--quiet", NAME, &target]))?;
    println!("{NAME} made in {:.1} s", start.elapsed().as_secs_f64());
    Ok(archive)
}

/// Taken away in the end: the executables are in the image.
struct Stage(PathBuf);

impl Drop for Stage {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn git(arguments: &[&str]) -> Result<String> {
    Ok(output_quietly(&mut program("git", arguments))?.trim().to_owned())
}

fn megabytes(file: &Path) -> Result<f64> {
    let metadata = fs::metadata(file).with_context(|| format!("look at `{}`", file.display()))?;
    Ok(metadata.len() as f64 / 1e6)
}
