//! An HTTP proxy before an S3 server, with the faults of stores that no real
//! server shows when asked.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::S3;

/// What the gate does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// They reach the server.
    Passes,
    /// They are answered with this status and do not reach the server.
    Fails(u16),
    /// They reach the server, and `If-None-Match: *` means nothing: a put
    /// overwrites, as with npm's s3rver.
    Overwrites,
}

/// The gate; it listens as long as the test runs.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    traffic: Arc<Mutex<Traffic>>,
}

impl Gate {
    /// Opens a gate before `s3`.
    #[track_caller]
    pub fn before(s3: &S3, traffic: Traffic) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0");
        let listener = listener.unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let traffic = Arc::new(Mutex::new(traffic));
        let (server, objects, shared) = (s3.address(), s3.bucket(), Arc::clone(&traffic));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (objects, shared) = (objects.clone(), Arc::clone(&shared));
                std::thread::spawn(move || {
                    let traffic = *shared.lock().unwrap_or_else(PoisonError::into_inner);
                    // A side that goes away is what the other one has to bear.
                    let _ = serve(&client, server, &objects, traffic);
                });
            }
        });
        Self { address, traffic }
    }

    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens to the requests that come from now on.
    pub fn set(&self, traffic: Traffic) {
        *self.traffic.lock().unwrap_or_else(PoisonError::into_inner) = traffic;
    }
}

/// One request of one connection: every answer says that the connection closes.
fn serve(
    client: &TcpStream,
    server: SocketAddr,
    objects: &Path,
    traffic: Traffic,
) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut head = Vec::new();
    let mut length = 0;
    let mut is_conditional = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        is_conditional |= lower.starts_with("if-none-match:");
        if !lower.starts_with("connection:") {
            head.push(line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;

    let mut client = client;
    if let Traffic::Fails(status) = traffic {
        let body = "<Error><Code>SlowDown</Code><Message>Please try again</Message></Error>";
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Refused\r\ncontent-length: {length}\r\n");
        return client.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes());
    }
    if traffic == Traffic::Overwrites && is_conditional {
        // `PUT /BUCKET/KEY HTTP/1.1`: an object that is gone is no hindrance.
        let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let key = path.splitn(3, '/').nth(2).unwrap_or_default();
        let _ = std::fs::remove_file(objects.join(key));
    }
    let mut server = TcpStream::connect(server)?;
    server.write_all(format!("{}connection: close\r\n\r\n", head.concat()).as_bytes())?;
    server.write_all(&body)?;
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}
