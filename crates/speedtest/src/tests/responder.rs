//! A small ndt7 server on a real socket, which does what a test tells it to
//! and remembers what the client did.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use trigpoint_ndt7::{AppInfo, ConnectionInfo, Measurement, TcpInfo};
use trigpoint_websocket::{
    Close, CloseCode, Event, Limits, Opcode, Reader, Role, accept_key, close_payload, encode_frame,
    encode_header,
};

/// What the responder does with a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Behaviour {
    /// A download of `MESSAGES`, with a measurement before and after.
    Download,
    /// An upload until `UPLOAD_BYTES` are there, then a measurement and a Close.
    Upload,
    /// An upload that ends by the end of the stream, with or without a measurement.
    UploadWithoutClose { measured: bool },
    /// Some bytes, then the end of the stream.
    CutOff,
    /// Some bytes, then a Close with this code.
    CloseWith(CloseCode),
    /// These bytes behind the handshake, then waiting for the client.
    Raw(&'static [u8]),
    /// One message each second, for ever.
    Endless,
    /// This instead of a handshake.
    Answer(&'static str),
}

/// What the client did.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The request's head.
    pub(super) request: String,
    pub(super) message_sizes: Vec<u64>,
    pub(super) pongs: Vec<Vec<u8>>,
    pub(super) close: Option<Close>,
}

/// Payload bytes of the download's messages: more and less than is discarded
/// at once.
pub(super) const MESSAGES: [usize; 5] = [8192, 1 << 20, 1 << 20, 40_000, 1];
/// Enough that message sizes double several times.
pub(super) const UPLOAD_BYTES: u64 = 1 << 20;
pub(super) const PING: &[u8] = b"1795293068957636670";
pub(super) const UUID: &str = "host_1795293000_0000000000001A2B";

/// What the responder says that it sees of its client.
pub(super) const SEEN: &str = "192.0.2.12:5000";

pub(super) fn measurement(bytes_received: u64) -> String {
    Measurement {
        connection_info: Some(ConnectionInfo {
            uuid: UUID.to_owned(),
            client: SEEN.to_owned(),
            ..Default::default()
        }),
        tcp_info: Some(TcpInfo {
            bytes_sent: 1000,
            bytes_retrans: 10,
            min_rtt: 52,
            bytes_received: bytes_received as i64,
            elapsed_time: 500_000,
            ..TcpInfo::default()
        }),
        app_info: Some(AppInfo { elapsed_time: 1, num_bytes: 1 }),
        ..Measurement::default()
    }
    .to_json()
}

/// Serves one connection per behaviour; the client's doings in that order.
pub(super) async fn respond(
    behaviours: &'static [Behaviour],
    tls: Option<Arc<ServerConfig>>,
) -> (SocketAddr, JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("the port");
    let served = tokio::spawn(async move {
        let mut all = Vec::new();
        for behaviour in behaviours {
            let (socket, _) = listener.accept().await.expect("a client");
            all.push(match &tls {
                None => Session::new(socket).serve(*behaviour).await,
                Some(config) => match accept_tls(config, socket).await {
                    Some(stream) => Session::new(stream).serve(*behaviour).await,
                    None => Seen::default(),
                },
            });
        }
        all
    });
    (address, served)
}

async fn accept_tls(
    config: &Arc<ServerConfig>,
    socket: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    TlsAcceptor::from(Arc::clone(config)).accept(socket).await.ok()
}

/// A self-signed certificate for `127.0.0.1`, with its PEM text.
pub(super) fn self_signed() -> (Arc<ServerConfig>, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let pem = made.cert.pem();
    let key = made.signing_key.serialize_der().try_into().expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("cipher suites")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a matching key");
    (Arc::new(config), pem)
}

struct Session<S> {
    stream: S,
    reader: Reader,
    buffer: Vec<u8>,
    received: u64,
    seen: Seen,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn new(stream: S) -> Self {
        let limits = Limits { message_bytes: 1 << 24, text_bytes: 1 << 16 };
        let reader = Reader::new(Role::Server, limits);
        Self { stream, reader, buffer: Vec::new(), received: 0, seen: Seen::default() }
    }

    async fn serve(mut self, behaviour: Behaviour) -> Seen {
        self.read_request().await;
        if let Behaviour::Answer(answer) = behaviour {
            self.send(answer.as_bytes()).await;
            return self.seen;
        }
        // Some servers' first frame comes in one packet with the handshake.
        let first = encode_frame(Opcode::Text, measurement(0).as_bytes(), None);
        self.send(&[self.handshake().as_bytes(), &first].concat()).await;
        match behaviour {
            Behaviour::Download => {
                for size in MESSAGES {
                    self.send_binary(size).await;
                }
                self.send(&encode_frame(Opcode::Ping, PING, None)).await;
                self.send(&encode_frame(Opcode::Text, measurement(1).as_bytes(), None)).await;
                self.close(CloseCode::NORMAL).await;
            }
            Behaviour::Upload | Behaviour::UploadWithoutClose { .. } => {
                self.send(&encode_frame(Opcode::Ping, PING, None)).await;
                while self.received < UPLOAD_BYTES && self.read().await {}
                if !matches!(behaviour, Behaviour::UploadWithoutClose { measured: false }) {
                    let text = measurement(self.received);
                    self.send(&encode_frame(Opcode::Text, text.as_bytes(), None)).await;
                }
                if matches!(behaviour, Behaviour::Upload) {
                    self.close(CloseCode::NORMAL).await;
                }
            }
            Behaviour::CutOff => self.send_binary(5000).await,
            Behaviour::CloseWith(code) => {
                self.send_binary(5000).await;
                self.close(code).await;
            }
            Behaviour::Raw(bytes) => {
                self.send(bytes).await;
                while self.read().await {}
            }
            Behaviour::Endless => {
                let message = encode_frame(Opcode::Binary, b"x", None);
                let mut each_second = tokio::time::interval(Duration::from_secs(1));
                loop {
                    each_second.tick().await;
                    if self.stream.write_all(&message).await.is_err() {
                        break;
                    }
                }
            }
            Behaviour::Answer(_) => {}
        }
        self.seen
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the client reads");
    }

    async fn send_binary(&mut self, size: usize) {
        self.send(&encode_header(true, Opcode::Binary, size as u64, None)).await;
        self.send(&vec![7; size]).await;
    }

    /// Sends a Close and the end of the stream, and reads to the client's.
    async fn close(&mut self, code: CloseCode) {
        let payload = close_payload(code, "Done sending");
        self.send(&encode_frame(Opcode::Close, &payload, None)).await;
        self.stream.shutdown().await.expect("the client reads");
        while self.read().await {}
    }

    async fn read_request(&mut self) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.expect("a request"));
        }
        self.seen.request = String::from_utf8(head).expect("a request in ASCII");
    }

    fn handshake(&self) -> String {
        let request = self.seen.request.to_lowercase();
        let at = request.find("sec-websocket-key: ").expect("a key") + "sec-websocket-key: ".len();
        let accept = accept_key(&self.seen.request[at..at + 24]);
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
    }

    /// Reads once; `false` at the end of the stream.
    async fn read(&mut self) -> bool {
        self.buffer.resize(64 << 10, 0);
        let n = self.stream.read(&mut self.buffer).await.unwrap_or(0);
        let mut bytes = &self.buffer[..n];
        while !bytes.is_empty() {
            let (taken, event) = self.reader.read(bytes).expect("a client that keeps the rules");
            bytes = &bytes[taken..];
            match event {
                Some(Event::Header(header)) => self.seen.message_sizes.push(header.payload_len),
                Some(Event::Discarded(n)) => self.received += n,
                Some(Event::Pong(payload)) => self.seen.pongs.push(payload),
                Some(Event::Close(close)) => self.seen.close = close,
                Some(Event::Text(_) | Event::Ping(_)) | None => {}
            }
        }
        n > 0
    }
}
