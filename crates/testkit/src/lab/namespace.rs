//! A host of the lab.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::time::Duration;

use super::{execute, run};
use crate::{eventually, sys};

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

    /// One that somebody else has made, as `cargo xtask cluster` does.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned() }
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

    /// Waits until an interface really sends.
    ///
    /// The end of a cable that is set up first learns of its carrier from the
    /// kernel's link watch.  Until that has run it drops what it sends without a
    /// word: on a busy machine the first frame of one lab in a hundred.  Asking for
    /// the link makes link watch run first (Linux commit facd15dfd691).
    #[track_caller]
    pub(super) fn await_link(&self, interface: &str) {
        eventually(Duration::from_secs(10), "a carrier on a cable of the lab", || {
            let mut show = self.command("ip");
            let output = show.args(["-o", "link", "show", "dev", interface]).output().ok()?;
            String::from_utf8_lossy(&output.stdout).contains("state UP").then_some(())
        });
    }

    /// Runs a command here that must succeed; arguments are split at spaces.
    #[track_caller]
    pub fn execute(&self, program: &str, arguments: &str) {
        run(self.command(program).args(arguments.split_whitespace()));
    }
}
