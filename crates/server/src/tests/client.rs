//! A WebSocket client without opinions.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trigpoint_websocket::{Opcode, encode_header, parse_header};

pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    pub(super) payload: Vec<u8>,
}

/// What a well-behaved client sends.
pub(super) const UPGRADE: &str = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n";

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    /// Sends a request and returns the head of the answer.
    pub(super) async fn request(&mut self, target: &str, headers: &str) -> String {
        let request = format!("GET {target} HTTP/1.1\r\nHost: station\r\n{headers}\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.more().await, "no answer to {target}");
        }
    }

    /// Upgraded and ready.
    pub(super) async fn test(address: SocketAddr, target: &str) -> Self {
        let mut client = Self::connect(address).await;
        let head = client.request(target, UPGRADE).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// The next frame; `None` at the end of the stream.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((header, length)) = parse_header(&self.buffer).unwrap() {
                assert!(header.masked.is_none(), "a server masks nothing");
                let end = length + header.payload_len as usize;
                if self.buffer.len() >= end {
                    let payload = self.buffer[length..end].to_vec();
                    self.buffer.drain(..end);
                    return Some(Frame { opcode: header.opcode, payload });
                }
            }
            if !self.more().await {
                return None;
            }
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(super) async fn send_frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) {
        // A key of zeros leaves the payload as it is.
        let header = encode_header(fin, opcode, payload.len() as u64, Some([0; 4]));
        self.send(&header).await;
        self.send(payload).await;
    }

    /// The code and reason of the Close frame, with whatever came before it.
    pub(super) async fn close(&mut self) -> (u16, String, Vec<Frame>) {
        let mut before = Vec::new();
        loop {
            let frame = self.frame().await.expect("a Close frame before the end");
            if frame.opcode == Opcode::Close {
                let code = u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
                let reason = String::from_utf8(frame.payload[2..].to_vec()).unwrap();
                return (code, reason, before);
            }
            before.push(frame);
        }
    }

    /// Whether the server ends the stream without another byte.
    pub(super) async fn ended(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }

    /// Sends `bytes` again and again until the server's Close has come, or the
    /// end of the stream.
    pub(super) async fn flood(&mut self, bytes: &[u8], until_close: bool) {
        let (mut input, mut output) = self.stream.split();
        let mut written = 0;
        while !(until_close && has_close(&self.buffer)) {
            tokio::select! {
                read = input.read_buf(&mut self.buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                more = output.write(&bytes[written..]) => match more {
                    Ok(more) => written = (written + more) % bytes.len(),
                    Err(_) => return,
                },
            }
        }
    }

    /// Sends what it can of `bytes`, ends this side, and reads to the end of the
    /// server's.
    pub(super) async fn give_up(&mut self, bytes: &[u8]) {
        // The server may close while it is being written to.
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.shutdown().await;
        while self.more().await {}
    }

    async fn more(&mut self) -> bool {
        let mut bytes = vec![0; 1 << 16];
        match self.stream.read(&mut bytes).await {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&bytes[..n]);
                true
            }
        }
    }
}

/// Whether there is a Close among these whole frames.
fn has_close(mut bytes: &[u8]) -> bool {
    while let Some((header, length)) = parse_header(bytes).unwrap() {
        if header.opcode == Opcode::Close {
            return true;
        }
        let Some(rest) = bytes.get(length + header.payload_len as usize..) else { break };
        bytes = rest;
    }
    false
}
