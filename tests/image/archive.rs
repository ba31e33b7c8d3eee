//! The image as it lies in its OCI archive.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use trigpoint_testkit::{Directory, run};

/// Some 400 MB of a daily build have to be unpacked.
const DEADLINE: Duration = Duration::from_mins(3);

/// An image, unpacked into a folder of a test's.
#[derive(Debug)]
pub(crate) struct Image {
    /// Name, labels, user: what runtimes read.
    pub(crate) settings: Value,
    /// Its files, with the owners that they have in it.
    pub(crate) root: PathBuf,
    /// What a registry sends for it.
    pub(crate) compressed_bytes: u64,
}

impl Image {
    /// The image of the archive that `IMAGE` names.
    pub(crate) fn unpack(directory: &Directory) -> Self {
        let archive = std::env::var_os("IMAGE")
            .expect("IMAGE names no archive: run this suite by `cargo xtask prove image`");
        let layout = directory.join("layout");
        unpack(Path::new(&archive), &layout);
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            layout.join("blobs").join(digest.replace(':', "/"))
        };
        let index = read(&layout.join("index.json"));
        let manifest = read(&blob(&index["manifests"][0]));
        let layers = manifest["layers"].as_array().unwrap();
        let root = directory.join("root");
        for layer in layers {
            unpack(&blob(layer), &root);
        }
        let settings = read(&blob(&manifest["config"]));
        let compressed_bytes = layers.iter().map(|layer| layer["size"].as_u64().unwrap()).sum();
        fs::remove_dir_all(layout).unwrap();
        Self { settings: settings["config"].clone(), root, compressed_bytes }
    }

    /// The strings of one of the settings' lists.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let values = self.settings[name].as_array().into_iter().flatten();
        values.filter_map(Value::as_str).collect()
    }
}

fn unpack(archive: &Path, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut tar = Command::new("tar");
    // As a runtime does: owners by number, and modes as they are.
    tar.args(["--extract", "--same-owner", "--same-permissions", "--numeric-owner", "--file"]);
    tar.args([archive.as_os_str(), OsStr::new("--directory"), folder.as_os_str()]);
    run(&mut tar, DEADLINE).expect_code(0);
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
