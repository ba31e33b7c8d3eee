//! Requests to a Kubernetes API server without a process for each of them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
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
    plain: Plain,
    _proxy: Process,
}

/// Who speaks with that socket; threads may outlive the proxy with one of their own.
#[derive(Debug, Clone)]
pub struct Plain {
    socket: PathBuf,
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
        Self { plain: Plain { socket: socket.to_owned() }, _proxy: proxy }
    }

    /// What speaks with it.
    pub fn plain(&self) -> &Plain {
        &self.plain
    }

    /// [`Plain::request`].
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.plain.request(method, path, body)
    }
}

impl Plain {
    /// One request, with an object or null for none: the status code and the object,
    /// or the text, that came back.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.exchange(method, path, &body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Objects of a list as they change, beginning with those that are there: what
    /// happened, and the object.  It ends with the server.
    #[track_caller]
    pub fn watch(&self, path: &str) -> impl Iterator<Item = (String, Value)> + use<> {
        let sent = self.send("GET", &format!("{path}?watch=true&resourceVersion=0"), "");
        let stream = sent.unwrap_or_else(|error| panic!("watch {path}: {error}"));
        // Lines of the head are no objects.
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.filter_map(|line| {
            let mut event: Value = serde_json::from_str(&line).ok()?;
            Some((event["type"].as_str()?.to_owned(), event["object"].take()))
        })
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Value)> {
        let mut answer = String::new();
        self.send(method, path, body)?.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let Some((status, (_, body))) = status.zip(answer.split_once("\r\n\r\n")) else {
            return Err(std::io::Error::other(format!("no answer: {answer}")));
        };
        // A path that is not served is answered in plain text.
        Ok((status, serde_json::from_str(body).unwrap_or_else(|_| body.into())))
    }

    /// In HTTP 1.0, so that the answer ends with the connection.
    fn send(&self, method: &str, path: &str, body: &str) -> std::io::Result<UnixStream> {
        let content =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut stream = UnixStream::connect(&self.socket)?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {content}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        Ok(stream)
    }
}
