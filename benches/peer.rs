//! The other side of `cargo xtask bench`: plain loops that show what the kernel
//! and rustls cost by themselves, and clients that cost as little as they can.
//!
//! Every subcommand prints one line of JSON when it ends.
#![allow(clippy::print_stdout, reason = "its output is its result")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use rustix::net::{RecvFlags, recv, sockopt};
use rustix::time::{ClockId, clock_gettime};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConnection, SignatureScheme,
};

/// What the ndt7 server sends per system call at its largest, and what the
/// plain loops send: a buffer that stays in the second-level cache.
const BUFFER: usize = 64 * 1024;
/// TLS 1.3 suite that the server prefers on processors with AES instructions.
const SUITE: rustls::CipherSuite = rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;

#[derive(Parser)]
enum Peer {
    /// Accept one connection and send for some seconds: the plain send loop
    Send(Listen),
    /// Accept one connection and discard until it ends: the plain receive loop
    Receive(Listen),
    /// Connect and discard until the other side ends
    Drain(Connect),
    /// Connect and send WebSocket messages for some seconds
    Fill(Fill),
    /// Many connections that each read at a fixed rate
    Trickle(Trickle),
    /// Many connections that send nothing and then close all at once
    Crowd(Crowd),
    /// What rustls itself costs, in memory
    #[command(subcommand)]
    Rustls(Direction),
}

#[derive(clap::Args)]
struct Listen {
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[arg(long)]
    congestion_control: String,
}

#[derive(clap::Args)]
struct Connect {
    address: SocketAddr,
    /// Ask for a WebSocket at this path first
    #[arg(long)]
    upgrade: Option<String>,
    #[arg(long)]
    tls: bool,
}

#[derive(clap::Args)]
struct Fill {
    #[command(flatten)]
    connect: Connect,
    #[arg(long, default_value_t = 1 << 20)]
    message: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

#[derive(clap::Args)]
struct Trickle {
    #[command(flatten)]
    connect: Connect,
    #[arg(long)]
    count: usize,
    /// Bytes per second and connection
    #[arg(long, default_value_t = 500_000)]
    rate: u64,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

#[derive(clap::Args)]
struct Crowd {
    address: SocketAddr,
    #[arg(long)]
    count: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

#[derive(Subcommand, Clone, Copy)]
enum Direction {
    Send,
    Receive,
}

fn main() -> Result<()> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    match Peer::parse() {
        Peer::Send(listen) => send(&listen),
        Peer::Receive(listen) => receive(&listen),
        Peer::Drain(connect) => drain(&connect),
        Peer::Fill(fill) => self::fill(&fill),
        Peer::Trickle(trickle) => self::trickle(&trickle),
        Peer::Crowd(crowd) => self::crowd(&crowd),
        Peer::Rustls(direction) => rustls_alone(direction),
    }
}

fn accept(listen: &Listen) -> Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").context("bind a loopback port")?;
    println!("{}", listener.local_addr().context("read the bound address")?);
    let (stream, _) = listener.accept().context("accept the connection")?;
    sockopt::set_tcp_congestion(&stream, &listen.congestion_control)
        .with_context(|| format!("set congestion control `{}`", listen.congestion_control))?;
    Ok(stream)
}

fn send(listen: &Listen) -> Result<()> {
    let mut stream = accept(listen)?;
    let buffer = vec![0x5a_u8; BUFFER];
    let (started, cpu) = (Instant::now(), cpu_time());
    let mut bytes = 0_u64;
    while started.elapsed().as_secs_f64() < listen.seconds {
        match stream.write(&buffer) {
            Ok(written) => bytes += written as u64,
            Err(error) => return Err(error).context("send"),
        }
    }
    report(bytes, cpu_since(cpu), started.elapsed());
    Ok(())
}

fn receive(listen: &Listen) -> Result<()> {
    let stream = accept(listen)?;
    let (started, cpu) = (Instant::now(), cpu_time());
    let bytes = discard(&stream)?;
    report(bytes, cpu_since(cpu), started.elapsed());
    Ok(())
}

/// Receives without copying until the end of the stream.
fn discard(stream: &TcpStream) -> Result<u64> {
    let mut scratch = vec![0_u8; 1 << 20];
    let mut bytes = 0_u64;
    loop {
        match recv(stream, &mut scratch[..], RecvFlags::TRUNC) {
            Ok((_, 0)) | Err(rustix::io::Errno::CONNRESET) => return Ok(bytes),
            Ok((_, received)) => bytes += received as u64,
            Err(error) => return Err(error).context("receive"),
        }
    }
}

fn drain(connect: &Connect) -> Result<()> {
    let stream = TcpStream::connect(connect.address).context("connect")?;
    let (started, cpu) = (Instant::now(), cpu_time());
    let bytes = if connect.tls {
        let mut tls = tls_over(stream)?;
        upgrade(&mut tls, connect)?;
        let mut buffer = vec![0_u8; 256 * 1024];
        let mut bytes = 0_u64;
        loop {
            match tls.read(&mut buffer) {
                Ok(0) | Err(_) => break bytes,
                Ok(read) => bytes += read as u64,
            }
        }
    } else {
        let mut stream = stream;
        upgrade(&mut stream, connect)?;
        discard(&stream)?
    };
    report(bytes, cpu_since(cpu), started.elapsed());
    Ok(())
}

fn fill(fill: &Fill) -> Result<()> {
    let stream = TcpStream::connect(fill.connect.address).context("connect")?;
    let socket = stream.try_clone().context("share the socket")?;
    if fill.connect.tls {
        let mut tls = tls_over(stream)?;
        upgrade(&mut tls, &fill.connect)?;
        fill_over(&mut tls, &socket, fill)
    } else {
        let mut stream = stream;
        upgrade(&mut stream, &fill.connect)?;
        fill_over(&mut stream, &socket, fill)
    }
}

fn fill_over(stream: &mut (impl Read + Write), socket: &TcpStream, fill: &Fill) -> Result<()> {
    let mut message = frame_header(fill.message);
    message.resize(message.len() + fill.message, 0x5a);
    let (started, cpu) = (Instant::now(), cpu_time());
    let mut bytes = 0_u64;
    while started.elapsed().as_secs_f64() < fill.seconds {
        stream.write_all(&message).context("send")?;
        bytes += message.len() as u64;
    }
    // Close 1000, masked with a zero key (RFC 6455 section 5.5.1).
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).context("send the Close frame")?;
    stream.flush().context("flush")?;
    // The plain loop knows the end of the stream only.
    socket.shutdown(Shutdown::Write).context("end sending")?;
    report(bytes, cpu_since(cpu), started.elapsed());
    let mut rest = [0_u8; 4096];
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
    Ok(())
}

/// A masked binary frame's header; the key is zero, so the payload stays as it is.
fn frame_header(length: usize) -> Vec<u8> {
    let mut header = vec![0x82];
    match length {
        0..=125 => header.push(0x80 | length as u8),
        126..=65535 => {
            header.push(0xfe);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(0xff);
            header.extend((length as u64).to_be_bytes());
        }
    }
    header.extend([0; 4]);
    header
}

fn upgrade(stream: &mut (impl Read + Write), connect: &Connect) -> Result<()> {
    let Some(path) = &connect.upgrade else { return Ok(()) };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n\r\n",
        connect.address
    );
    stream.write_all(request.as_bytes()).context("send the upgrade request")?;
    let mut answer = Vec::new();
    let mut byte = [0_u8; 1];
    while !answer.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).context("read the answer to the upgrade")? == 0 {
            bail!("the server closed instead of answering the upgrade");
        }
        answer.push(byte[0]);
    }
    if !answer.starts_with(b"HTTP/1.1 101") {
        bail!("upgrade refused: {}", String::from_utf8_lossy(&answer));
    }
    Ok(())
}

fn trickle(trickle: &Trickle) -> Result<()> {
    let started = Instant::now();
    let readers: Vec<_> = (0..trickle.count)
        .map(|_| {
            let mut stream = TcpStream::connect(trickle.connect.address).context("connect")?;
            let seconds = trickle.seconds;
            let rate = trickle.rate;
            let connect = Connect {
                address: trickle.connect.address,
                upgrade: trickle.connect.upgrade.clone(),
                tls: trickle.connect.tls,
            };
            std::thread::Builder::new()
                .stack_size(256 * 1024)
                .spawn(move || -> Result<u64> {
                    if connect.tls {
                        let mut tls = tls_over(stream)?;
                        upgrade(&mut tls, &connect)?;
                        Ok(read_at(&mut tls, rate, seconds))
                    } else {
                        upgrade(&mut stream, &connect)?;
                        Ok(read_at(&mut stream, rate, seconds))
                    }
                })
                .context("start a reader")
        })
        .collect::<Result<_>>()?;
    let mut bytes = 0;
    for reader in readers {
        match reader.join() {
            Ok(read) => bytes += read?,
            Err(_) => bail!("a reader panicked"),
        }
    }
    report(bytes, Duration::ZERO, started.elapsed());
    Ok(())
}

fn read_at(stream: &mut impl Read, rate: u64, seconds: f64) -> u64 {
    const STEPS_PER_SECOND: u64 = 20;
    let started = Instant::now();
    let mut buffer = vec![0_u8; (rate / STEPS_PER_SECOND) as usize];
    let mut bytes = 0_u64;
    for step in 1.. {
        if started.elapsed().as_secs_f64() > seconds {
            break;
        }
        if stream.read_exact(&mut buffer).is_err() {
            break;
        }
        bytes += buffer.len() as u64;
        let due = Duration::from_millis(step * 1000 / STEPS_PER_SECOND);
        std::thread::park_timeout(due.saturating_sub(started.elapsed()));
    }
    bytes
}

fn crowd(crowd: &Crowd) -> Result<()> {
    let started = Instant::now();
    let connections: Vec<TcpStream> = (0..crowd.count)
        .map(|_| TcpStream::connect(crowd.address).context("connect"))
        .collect::<Result<_>>()?;
    let hold = Duration::from_secs_f64(crowd.seconds);
    while started.elapsed() < hold {
        std::thread::park_timeout(hold.saturating_sub(started.elapsed()));
    }
    drop(connections);
    report(0, Duration::ZERO, started.elapsed());
    Ok(())
}

fn rustls_alone(direction: Direction) -> Result<()> {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .context("make a certificate")?;
    let server_config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![key.cert.der().clone()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()).into(),
        )
        .context("use the certificate")?;
    let mut server = ServerConnection::new(Arc::new(server_config)).context("start TLS")?;
    let mut client = client_connection()?;
    let mut wire = Vec::with_capacity(2 * BUFFER);
    while client.is_handshaking() || server.is_handshaking() {
        carry(&mut client, &mut server, &mut wire)?;
        carry(&mut server, &mut client, &mut wire)?;
    }
    let payload = vec![0x5a_u8; BUFFER];
    let mut sink = vec![0_u8; BUFFER];
    let (mut bytes, mut cpu) = (0_u64, Duration::ZERO);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        let before = cpu_time();
        match direction {
            Direction::Send => {
                server.writer().write_all(&payload).context("encrypt")?;
                wire.clear();
                while server.wants_write() {
                    server.write_tls(&mut wire).context("take records")?;
                }
                cpu += cpu_since(before);
                take(&mut client, &wire, &mut sink)?;
            }
            Direction::Receive => {
                client.writer().write_all(&payload).context("encrypt")?;
                wire.clear();
                while client.wants_write() {
                    client.write_tls(&mut wire).context("take records")?;
                }
                let before = cpu_time();
                take(&mut server, &wire, &mut sink)?;
                cpu += cpu_since(before);
            }
        }
        bytes += payload.len() as u64;
    }
    report(bytes, cpu, started.elapsed());
    Ok(())
}

fn take<Data>(
    connection: &mut rustls::ConnectionCommon<Data>,
    mut wire: &[u8],
    sink: &mut [u8],
) -> Result<()> {
    while !wire.is_empty() {
        connection.read_tls(&mut wire).context("read records")?;
        let state = connection.process_new_packets().context("decrypt")?;
        let mut left = state.plaintext_bytes_to_read();
        while left > 0 {
            left -= connection.reader().read(sink).context("take plaintext")?;
        }
    }
    Ok(())
}

fn carry<From, To>(
    from: &mut rustls::ConnectionCommon<From>,
    to: &mut rustls::ConnectionCommon<To>,
    wire: &mut Vec<u8>,
) -> Result<()> {
    wire.clear();
    while from.wants_write() {
        from.write_tls(wire).context("take records")?;
    }
    let mut read = wire.as_slice();
    while !read.is_empty() {
        to.read_tls(&mut read).context("read records")?;
        to.process_new_packets().context("handshake")?;
    }
    Ok(())
}

fn client_connection() -> Result<ClientConnection> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == SUITE);
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("use TLS 1.3")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").context("name the server")?;
    ClientConnection::new(Arc::new(config), name).context("start TLS")
}

fn tls_over(stream: TcpStream) -> Result<rustls::StreamOwned<ClientConnection, TcpStream>> {
    Ok(rustls::StreamOwned::new(client_connection()?, stream))
}

/// A bench on loopback has nobody to authenticate.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn cpu_since(earlier: Duration) -> Duration {
    cpu_time().saturating_sub(earlier)
}

fn report(bytes: u64, cpu: Duration, wall: Duration) {
    println!(
        "{{\"bytes\":{bytes},\"cpu_seconds\":{:.6},\"wall_seconds\":{:.6}}}",
        cpu.as_secs_f64(),
        wall.as_secs_f64()
    );
}
