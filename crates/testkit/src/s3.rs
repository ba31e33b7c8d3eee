//! A real S3 server (versitygw) on a free port of loopback, with one bucket
//! that lies in a directory of the test's.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::{Certificates, Directory, Process, eventually};

/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(1);
const BUCKET: &str = "lake";
const ACCESS_KEY: &str = "test-access-key";
const SECRET_KEY: &str = "test-secret-key";

/// A server that may be stopped, killed and started again on the same data.
#[derive(Debug)]
pub struct S3 {
    address: SocketAddr,
    root: PathBuf,
    /// Files of its certificate and key, if it speaks TLS.
    tls: Option<[PathBuf; 2]>,
    server: Option<Process>,
}

impl S3 {
    /// Starts the server that `VERSITYGW` names, with its data in `directory`.
    #[track_caller]
    pub fn start(directory: &Directory) -> Self {
        Self::start_as(directory, None)
    }

    /// The same, by HTTPS only.
    #[track_caller]
    pub fn start_with_tls(directory: &Directory, certificates: &Certificates) -> Self {
        let files = [&certificates.certificate, &certificates.key].map(Clone::clone);
        Self::start_as(directory, Some(files))
    }

    #[track_caller]
    fn start_as(directory: &Directory, tls: Option<[PathBuf; 2]>) -> Self {
        let root = directory.join("s3");
        // Every directory in the server's root is a bucket.
        let made = std::fs::create_dir_all(root.join(BUCKET));
        made.unwrap_or_else(|error| panic!("cannot make `{}`: {error}", root.display()));
        let mut s3 = Self { address: free_address(), root, tls, server: None };
        s3.start_again();
        s3
    }

    /// Starts it after [`S3::kill`], at the same address.
    #[track_caller]
    pub fn start_again(&mut self) {
        let executable = std::env::var_os("VERSITYGW").unwrap_or_else(|| {
            panic!("VERSITYGW names no S3 server: run this suite by `cargo xtask prove stores`")
        });
        let mut command = Command::new(executable);
        command.env("ROOT_ACCESS_KEY", ACCESS_KEY).env("ROOT_SECRET_KEY", SECRET_KEY);
        command.args(["--quiet", "--port", &self.address.to_string()]);
        if let Some([certificate, key]) = &self.tls {
            command.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        let server = Process::start(command.arg("posix").arg(&self.root));
        eventually(DEADLINE, "the S3 server", || TcpStream::connect(self.address).ok());
        self.server = Some(server);
    }

    /// Ends it without warning; connections to it are refused from then on.
    #[track_caller]
    pub fn kill(&mut self) {
        self.server.take().map(Process::kill);
    }

    /// The server's process, for signals.
    #[track_caller]
    pub fn process(&self) -> &Process {
        self.server.as_ref().unwrap_or_else(|| panic!("the S3 server was killed"))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The directory in which an object is a file of its name.
    pub fn bucket(&self) -> PathBuf {
        self.root.join(BUCKET)
    }

    /// A lake in its bucket.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// What a program needs in its environment to work on its objects by way of
    /// `endpoint`: this server's address, or that of a gate before it.
    pub fn environment(endpoint: SocketAddr) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{endpoint}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ]
    }
}

/// An address on which nobody listens; the server takes it a moment later.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|error| panic!("no free port on loopback: {error}"))
}
