//! This executable again, in the part of a collector or a station, so that it
//! can be killed.

use std::env;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::{collector, maintainer, station};

/// In the child's environment: which part it plays, as JSON.
const ROLE: &str = "TRIGPOINT_DURABLE_ROLE";
/// Before each line for the driver, among those of libtest.
const MARK: &str = "@@ ";

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Role {
    Collector(collector::Options),
    Station(station::Options),
    Maintainer(maintainer::Options),
}

/// Plays the part that this process was started for, if it was.  Each test
/// calls it first, since the child is started as the test that wants it.
pub(crate) fn played() -> bool {
    let Some(role) = env::var_os(ROLE) else { return false };
    let filter = tracing_subscriber::EnvFilter::new("trigpoint=debug,warn");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    match serde_json::from_str(role.to_str().unwrap()).unwrap() {
        Role::Collector(options) => collector::run(options),
        Role::Station(options) => station::run(&options),
        Role::Maintainer(options) => maintainer::run(options),
    }
    true
}

/// Tells the driver something.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{MARK}{line}").unwrap();
    stdout.flush().unwrap();
}

/// What a child did.
#[derive(Debug)]
pub(crate) struct Event {
    /// As it was started.
    pub(crate) child: usize,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// It said a line.
    Said(String),
    /// Its outputs are closed.
    Ended,
}

/// A started child; killed when the driver lets go of it.
#[derive(Debug)]
pub(crate) struct Handle {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Handle {
    /// Starts `test` of this executable in another part.  Its lines come as
    /// events of number `child`, its log goes to a file.
    pub(crate) fn start(
        test: &str,
        role: &Role,
        environment: &[(String, String)],
        log: &Path,
        child: usize,
        events: Sender<Event>,
    ) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut started = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ROLE, serde_json::to_string(role).unwrap())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let (stdin, stdout) = (started.stdin.take(), started.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // libtest writes the name of the test in front of the first one.
                if let Some((_, said)) = line.split_once(MARK) {
                    let _ = events.send(Event { child, what: What::Said(said.to_owned()) });
                }
            }
            let _ = events.send(Event { child, what: What::Ended });
        });
        Self { child: started, stdin }
    }

    /// Tells the child something; one that has ended does not hear it.
    pub(crate) fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = writeln!(stdin, "{line}");
        }
    }

    /// Lets it end by itself.
    pub(crate) fn release(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn kill(&self) {
        kill(self.pid());
    }

    /// Waits for its end; whether a SIGKILL was its end.
    pub(crate) fn killed(mut self) -> bool {
        self.child.wait().unwrap().signal() == Some(Signal::KILL.as_raw())
    }
}

pub(crate) fn kill(pid: Pid) {
    // It may be gone already.
    let _ = kill_process(pid, Signal::KILL);
}

impl Drop for Handle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
