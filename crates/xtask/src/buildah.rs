//! buildah as it runs without a daemon, a registry or a kernel with overlays.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::command::program;
use crate::tools;

/// Its storage, which goes with it: `vfs` copies every layer whole.
pub(crate) struct Buildah {
    storage: PathBuf,
}

impl Buildah {
    pub(crate) fn new() -> Result<Self> {
        tools::debian(&[("buildah", "buildah")])?;
        let storage = tools::cache()?.join(format!("buildah-{}", std::process::id()));
        Ok(Self { storage })
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program("buildah", &["--storage-driver", "vfs", "--root"]);
        command.arg(self.storage.join("root"));
        command.arg("--runroot").arg(self.storage.join("run"));
        command.args(arguments).env("BUILDAH_ISOLATION", "chroot");
        command
    }
}

impl Drop for Buildah {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.storage).ok();
    }
}
