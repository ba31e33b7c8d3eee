//! Where the tables are: what every process of a test has to be told.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use trigpoint_testkit::{Directory, Finished, S3, Standalone, run};

use super::{DEADLINE, TRIGPOINT};

pub(crate) struct Place {
    directory: PathBuf,
    /// Another place than below the directory.
    lake: Option<String>,
    environment: Vec<(&'static str, String)>,
}

impl Place {
    pub(crate) fn disk(directory: &Directory) -> Self {
        Self { directory: directory.join("data"), lake: None, environment: Vec::new() }
    }

    pub(crate) fn bucket(directory: &Directory, s3: &S3, prefix: &str) -> Self {
        Self {
            directory: directory.join("beside-the-bucket"),
            lake: Some(s3.url(prefix)),
            environment: S3::environment(s3.address()).into(),
        }
    }

    /// Starts a station, and a collector in the same process.
    pub(crate) fn station(&self, arguments: &[&str]) -> Standalone {
        let lake = self.lake.iter().flat_map(|url| ["--lake", url]);
        let arguments: Vec<&str> = arguments.iter().copied().chain(lake).collect();
        let mut command = Command::new(TRIGPOINT);
        command.envs(self.environment.clone());
        Standalone::start_on(command, TRIGPOINT, &self.directory, &arguments)
    }

    /// A new `trigpoint` process, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new(TRIGPOINT);
        command.args(arguments).arg("--data-dir").arg(&self.directory);
        command.args(self.lake.iter().flat_map(|url| ["--lake", url]));
        let finished = run(command.envs(self.environment.clone()), DEADLINE);
        finished.expect_code(0);
        finished
    }

    /// The rows that a new `trigpoint query` sees.
    pub(crate) fn query(&self, sql: &str) -> Vec<Value> {
        let answer = self.run(&["query", "--format", "json", sql]).stdout;
        serde_json::from_str(&answer).unwrap()
    }
}
