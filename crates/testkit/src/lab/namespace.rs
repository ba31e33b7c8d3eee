//! A host of the lab.

use std::process::Command;

use super::{execute, run};

/// A named network namespace with its loopback interface up.
#[derive(Debug, Clone)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes the namespace; its name must be new in this lab.
    #[track_caller]
    pub fn new(name: &str) -> Self {
        execute("ip", &format!("netns add {name}"));
        let namespace = Self { name: name.to_owned() };
        namespace.execute("ip", "link set lo up");
        namespace
    }

    /// Its name, as `ip` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run on this host.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg("--").arg(program);
        command
    }

    /// Runs a command here that must succeed; arguments are split at spaces.
    #[track_caller]
    pub fn execute(&self, program: &str, arguments: &str) {
        run(self.command(program).args(arguments.split_whitespace()));
    }
}
