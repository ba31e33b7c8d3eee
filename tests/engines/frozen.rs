//! The tables as they were at some version, for `trigpoint query`, which always
//! reads the newest: the log up to there, beside all data files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use trigpoint_testkit::{Directory, run};

use crate::DEADLINE;

/// A data directory with tables at one version each.
pub(crate) struct Frozen {
    data: PathBuf,
}

/// The newest commit of a table, if there is one.
pub(crate) fn newest_version(lake: &Path, table: &str) -> Option<u64> {
    let files = fs::read_dir(lake.join(table).join("_delta_log")).ok()?;
    files.filter_map(|file| version(&file.unwrap().path())).max()
}

fn version(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()
}

impl Frozen {
    pub(crate) fn make(
        directory: &Directory,
        name: &str,
        lake: &Path,
        versions: &BTreeMap<String, u64>,
    ) -> Self {
        let data = directory.join(format!("at-{name}"));
        for (table, last) in versions {
            let (from, to) = (lake.join(table), data.join("lake").join(table));
            for folder in fs::read_dir(&from).unwrap() {
                let folder = folder.unwrap().file_name();
                fs::create_dir_all(to.join(&folder)).unwrap();
                for file in fs::read_dir(from.join(&folder)).unwrap() {
                    let file = file.unwrap().path();
                    let is_wanted = folder != "_delta_log" || version(&file) <= Some(*last);
                    // Checkpoints are left out: they may be of a later version.
                    let is_log = folder != "_delta_log" || version(&file).is_some();
                    if is_wanted && is_log {
                        let link = to.join(&folder).join(file.file_name().unwrap());
                        fs::hard_link(&file, link).unwrap();
                    }
                }
            }
        }
        Self { data }
    }

    /// The one row of an answer.
    pub(crate) fn row(&self, executable: &str, sql: &str) -> Value {
        let mut command = Command::new(executable);
        command.args(["query", "--format", "json", sql, "--data-dir"]).arg(&self.data);
        let finished = run(&mut command, DEADLINE);
        finished.expect_code(0);
        let mut rows: Vec<Value> = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(rows.len(), 1, "{sql}");
        rows.swap_remove(0)
    }
}
