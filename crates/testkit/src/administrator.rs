//! Requests to a Kubernetes API server without a process for each of them.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::{Process, Stream};

const DEADLINE: Duration = Duration::from_mins(1);

/// `kubectl proxy`, which speaks plain HTTP with whoever finds its socket: a file, so
/// that it is reached from any network namespace.
#[derive(Debug)]
pub struct Administrator {
    socket: PathBuf,
    _proxy: Process,
}

impl Administrator {
    /// Starts it by a `kubectl` that knows its cluster; `socket` is made.
    #[track_caller]
    pub fn start(mut kubectl: Command, socket: &Path) -> Self {
        kubectl.arg("proxy").arg("--unix-socket").arg(socket);
        let proxy = Process::start(&mut kubectl);
        proxy.line(Stream::Stdout, DEADLINE, |line| {
            line.contains("Starting to serve").then_some(())
        });
        Self { socket: socket.to_owned(), _proxy: proxy }
    }

    /// One request, with an object or null for none: the status code and the object,
    /// or the text, that came back.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.exchange(method, path, &body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// In HTTP 1.0, so that the answer ends with the connection.
    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Value)> {
        let content =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut stream = UnixStream::connect(&self.socket)?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {content}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let Some((status, (_, body))) = status.zip(answer.split_once("\r\n\r\n")) else {
            return Err(std::io::Error::other(format!("no answer: {answer}")));
        };
        // A path that is not served is answered in plain text.
        Ok((status, serde_json::from_str(body).unwrap_or_else(|_| body.into())))
    }
}
