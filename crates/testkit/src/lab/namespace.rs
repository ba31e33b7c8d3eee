//! A host of the lab.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;

use super::{execute, run};
use crate::sys;

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
        command.arg(format!("--net={}", self.file())).arg("--").arg(program);
        command
    }

    /// Runs `body` on a thread of this host; a socket stays where it was opened.
    #[track_caller]
    pub fn within<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let file = self.file();
        let enter = || {
            let namespace = File::open(&file)?;
            sys::enter_network_namespace(namespace.as_fd())
        };
        let thread = || {
            enter().unwrap_or_else(|error| panic!("enter `{file}`: {error}"));
            body()
        };
        std::thread::scope(|scope| scope.spawn(thread).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn file(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// Runs a command here that must succeed; arguments are split at spaces.
    #[track_caller]
    pub fn execute(&self, program: &str, arguments: &str) {
        run(self.command(program).args(arguments.split_whitespace()));
    }
}
