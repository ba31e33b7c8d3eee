//! A small disk of its own, in the mount namespace of the lab.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmpfs; it goes with the namespace.
pub(crate) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts a disk of `size`, as in `4M`, at `path`.
    pub(crate) fn mount(path: &Path, size: &str) -> Self {
        fs::create_dir(path).unwrap();
        let options = format!("size={size}");
        execute(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path));
        Self { path: path.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[0xff; 4096]).is_ok() {}
    }

    /// Gives it back.
    pub(crate) fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// Nobody may have a file open for writing.
    pub(crate) fn read_only(&self, read_only: bool) {
        let access = if read_only { "remount,ro" } else { "remount,rw" };
        execute(Command::new("mount").args(["-o", access]).arg(&self.path));
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

fn execute(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
