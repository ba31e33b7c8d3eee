//! `trigpoint operator` under test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use trigpoint_testkit::{Finished, Process, Stream, run};

use super::cluster::{Cluster, NAMESPACE};

/// Far above what a loaded machine needs.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);

pub(crate) struct Operator {
    process: Process,
    admin: SocketAddr,
}

pub(crate) fn trigpoint() -> Command {
    Command::new(env!("CARGO_BIN_EXE_trigpoint"))
}

impl Operator {
    pub(crate) fn command(cluster: &Cluster, identity: &str) -> Command {
        let mut command = trigpoint();
        command.args(["operator", "--namespace", NAMESPACE, "--lease-namespace", NAMESPACE]);
        command.args(["--identity", identity, "--admin-listen", "127.0.0.1:0"]);
        // What is bounded here is not how fast a test goes.
        command.args(["--writes-per-second", "100"]);
        command.env("KUBECONFIG", cluster.kubeconfig());
        command
    }

    #[track_caller]
    pub(crate) fn start(cluster: &Cluster, identity: &str) -> Self {
        let process = Process::start(&mut Self::command(cluster, identity));
        let admin = process.line(Stream::Stdout, DEADLINE, |line| {
            line.strip_prefix("admin")?.trim().strip_prefix("http://")?.parse().ok()
        });
        Self { process, admin }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// How it ends by itself.
    #[track_caller]
    pub(crate) fn finished(self) -> Finished {
        self.process.finished(DEADLINE)
    }

    pub(crate) fn said(&self) -> String {
        self.process.output(Stream::Stderr)
    }

    /// What the admin endpoint answers.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        // It listens before it serves, and serves once the definitions are found good.
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        text.lines()
            .filter(|line| {
                let rest = line.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            })
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }
}

/// `trigpoint fleet WORD stations …`, and what it says.
#[track_caller]
pub(crate) fn say(cluster: &Cluster, words: &[&str]) -> String {
    let mut command = trigpoint();
    command.args(["fleet", words[0], "stations"]).args(&words[1..]);
    command.args(["--namespace", NAMESPACE]).env("KUBECONFIG", cluster.kubeconfig());
    run(&mut command, DEADLINE).expect_code(0).stdout.clone()
}
