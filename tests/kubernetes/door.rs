//! The door to the API server of an operator that is to be killed: before one of the
//! requests by which it changes something, or after it and before it hears of it.
//!
//! To whoever comes it speaks plain HTTP, and lets them in as the chart's own operator.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use trigpoint_testkit::lab::Namespace;

use crate::faults;

/// What becomes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The operator is killed before it is sent.
    KilledBefore,
    /// It is carried out, and the operator is killed before it hears of it.
    KilledAfter,
}

/// A change at which the operator with this process number is killed, counted from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trap {
    pub(crate) operator: u32,
    pub(crate) at: usize,
    pub(crate) fate: Fate,
}

pub(crate) struct Door {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Where `kubectl proxy` listens.
    api_server: PathBuf,
    trap: Mutex<Option<Trap>>,
    /// Since the trap was set; the Lease and Events are not counted.
    changes: AtomicUsize,
    seen: Mutex<Vec<String>>,
}

impl Door {
    /// On the loopback interface of a node.
    pub(crate) fn open(network: &str, api_server: &Path) -> Self {
        let listener = Namespace::named(network).within(|| TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { api_server: api_server.to_owned(), ..State::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // Who was killed has closed the connection.
                std::thread::spawn(move || drop(state.serve(&client)));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, trap: Option<Trap>) {
        *self.state.trap.lock().unwrap() = trap;
        self.state.changes.store(0, Ordering::SeqCst);
        self.state.seen.lock().unwrap().clear();
    }

    /// Changes since the trap was set, method and path of each.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The trap was reached.
    pub(crate) fn has_killed(&self) -> bool {
        let trap = *self.state.trap.lock().unwrap();
        trap.is_some_and(|trap| self.state.changes.load(Ordering::SeqCst) >= trap.at)
    }
}

impl State {
    /// One request, and the end of its connection with that of the answer.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let request = Request::read(&mut BufReader::new(client))?;
        if !request.is_change() {
            return request.forward(&self.api_server, &mut &*client);
        }
        self.seen.lock().unwrap().push(request.what());
        let trap = *self.trap.lock().unwrap();
        let number = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        match trap.filter(|trap| number >= trap.at) {
            None => request.forward(&self.api_server, &mut &*client),
            Some(trap) if trap.fate == Fate::KilledBefore => {
                faults::kill([trap.operator]);
                Ok(())
            }
            Some(trap) => {
                if number == trap.at {
                    request.forward(&self.api_server, &mut io::sink())?;
                }
                faults::kill([trap.operator]);
                Ok(())
            }
        }
    }
}

struct Request {
    method: String,
    target: String,
    /// Lines, but for those that are of one connection.
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    fn read(from: &mut impl io::BufRead) -> io::Result<Self> {
        let mut lines = from.by_ref().lines();
        let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        let mut words = first.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::other(format!("no request: {first}")));
        };
        let mut headers = Vec::new();
        let mut length = 0;
        for line in lines {
            let line = line?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "host" | "connection" => continue,
                "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
                _ => {}
            }
            headers.push(line);
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Ok(Self { method, target, headers, body })
    }

    fn what(&self) -> String {
        format!("{} {}", self.method, self.target.split('?').next().unwrap_or_default())
    }

    fn is_change(&self) -> bool {
        let is_none = ["dryRun", "/leases", "/events"].iter().any(|no| self.target.contains(no));
        self.method != "GET" && !is_none
    }

    fn forward(&self, api_server: &Path, answer: &mut impl io::Write) -> io::Result<()> {
        let mut stream = UnixStream::connect(api_server)?;
        write!(stream, "{} {} HTTP/1.1\r\n", self.method, self.target)?;
        for line in &self.headers {
            write!(stream, "{line}\r\n")?;
        }
        let account = "system:serviceaccount:trigpoint:trigpoint-operator";
        write!(stream, "Impersonate-User: {account}\r\n")?;
        for group in ["serviceaccounts", "serviceaccounts:trigpoint", "authenticated"] {
            write!(stream, "Impersonate-Group: system:{group}\r\n")?;
        }
        write!(stream, "Host: localhost\r\nConnection: close\r\n\r\n")?;
        stream.write_all(&self.body)?;
        io::copy(&mut stream, answer).map(drop)
    }
}
