//! An ndt7 client over ws that does only what a test tells it, one frame at a
//! time: for orders of closing and moments that no well-behaved client shows.
//!
//! Written from RFC 6455 and the ndt7 specification, not with our own crates,
//! so that a mistake in them does not cancel out.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Any read or write that takes longer fails the test.
const PATIENCE: Duration = Duration::from_secs(30);
/// RFC 6455 section 1.3: any 16 bytes.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Opcodes of RFC 6455 section 5.2.
pub mod opcode {
    /// A measurement.
    pub const TEXT: u8 = 1;
    /// Bulk.
    pub const BINARY: u8 = 2;
    /// The end.
    pub const CLOSE: u8 = 8;
    /// To be answered.
    pub const PING: u8 = 9;
    /// The answer.
    pub const PONG: u8 = 10;
}

/// A frame that the server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub opcode: u8,
    /// What it holds.
    pub payload: Vec<u8>,
}

/// A connection on which a test was agreed.
#[derive(Debug)]
pub struct RawClient {
    stream: BufReader<TcpStream>,
}

impl RawClient {
    /// Agrees on a `download` or an `upload` with the server at `ws://HOST:PORT`.
    #[track_caller]
    pub fn connect(ws_url: &str, direction: &str) -> Self {
        let host = ws_url.trim_start_matches("ws://");
        let stream =
            TcpStream::connect(host).unwrap_or_else(|error| panic!("connect to {host}: {error}"));
        Self::over(stream, host, direction)
    }

    /// The same over a connection to the server at `HOST:PORT`.
    #[track_caller]
    pub fn over(stream: TcpStream, host: &str, direction: &str) -> Self {
        let prepared =
            stream.set_read_timeout(Some(PATIENCE)).and(stream.set_write_timeout(Some(PATIENCE)));
        prepared.unwrap_or_else(|error| panic!("time limits of a socket: {error}"));
        let mut client = Self { stream: BufReader::new(stream) };
        client.upgrade(host, direction).unwrap_or_else(|error| panic!("upgrade: {error}"));
        client
    }

    fn upgrade(&mut self, host: &str, direction: &str) -> io::Result<()> {
        let request = format!(
            "GET /ndt/v7/{direction} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
             Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n\r\n"
        );
        self.socket().write_all(request.as_bytes())?;
        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        let mut line = status.clone();
        while line.trim() != "" {
            line.clear();
            self.stream.read_line(&mut line)?;
        }
        if !status.starts_with("HTTP/1.1 101 ") {
            return Err(io::Error::other(status));
        }
        Ok(())
    }

    /// The socket; what it delivers must be read with [`Self::next_frame`].
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// This end's port, by which the tables know the connection.
    #[track_caller]
    pub fn port(&self) -> u16 {
        self.socket().local_addr().unwrap_or_else(|error| panic!("no address: {error}")).port()
    }

    /// The next frame; `None` at the end of the stream.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let mut head = [0; 2];
        if self.stream.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.stream.read_exact(&mut head)?;
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length)?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.stream.read_exact(&mut length)?;
                u64::from_be_bytes(length)
            }
            length => u64::from(length),
        };
        let mut payload = Vec::new();
        self.stream.by_ref().take(length).read_to_end(&mut payload)?;
        if (payload.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(Frame { opcode: head[0] & 0x0f, payload }))
    }

    /// The next frame of that kind; earlier ones of other kinds are dropped.
    #[track_caller]
    pub fn await_frame(&mut self, opcode: u8) -> Frame {
        loop {
            match self.next_frame() {
                Ok(Some(frame)) if frame.opcode == opcode => return frame,
                Ok(Some(_)) => {}
                Ok(None) => panic!("the server ended before a frame with opcode {opcode}"),
                Err(error) => panic!("{error} before a frame with opcode {opcode}"),
            }
        }
    }

    /// Sends a frame, masked as RFC 6455 section 5.3 wants it (with zeros).
    pub fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        const FIN: u8 = 0x80;
        const MASKED: u8 = 0x80;
        let mut frame = vec![FIN | opcode];
        match payload.len() {
            length @ 0..=125 => frame.push(MASKED | length as u8),
            length @ 126..=0xffff => {
                frame.push(MASKED + 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(MASKED + 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.socket().write_all(&frame)
    }

    /// Reads and drops everything to the end of the stream.
    pub fn drain(&mut self) -> io::Result<u64> {
        io::copy(&mut self.stream, &mut io::sink())
    }
}
