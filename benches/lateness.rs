//! How late the sampler is, with and without the tracer of the same station at work.
//!
//! `cargo xtask bench lateness` starts it.  Real programs in a lab of routers: downloads
//! that last for the whole of a run, and short tests, each from an address of its own; on
//! one side of a pair the tracer looks for all paths to those.
#![allow(clippy::print_stdout, reason = "it says its figures")]

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use socket2::{Domain, Socket, Type};
use trigpoint_testkit::lab::{Behaviour, Node, Routers, Topology, run_again_inside};
use trigpoint_testkit::{Directory, Process, RawClient, Stream, opcode};

#[path = "lateness/pairs.rs"]
mod pairs;
#[path = "lateness/samples.rs"]
mod samples;
#[path = "../tests/paths/spool.rs"]
mod spool;

use pairs::{Pair, report};
use samples::Samples;

const STATION: &str = env!("CARGO_BIN_EXE_trigpoint-station");
const DEADLINE: Duration = Duration::from_mins(2);
/// The lab's targets have so many addresses.
const ADDRESSES: u8 = 250;

#[derive(Debug, Parser)]
#[command(about = "How late the sampler is, with and without traces")]
struct Options {
    /// The `bench-peer` that reads downloads
    #[arg(long)]
    peer: PathBuf,
    /// Runs with traces, and as many without
    #[arg(long, default_value_t = 10)]
    pairs: usize,
    /// Seconds of each run
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Downloads that last for a whole run
    #[arg(long, default_value_t = 10)]
    downloads: usize,
    /// Bytes per second that each of them takes
    #[arg(long, default_value_t = 1_250_000)]
    rate: u64,
    /// Short tests that end each second
    #[arg(long, default_value_t = 5)]
    ending: u64,
    /// What cargo gives to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if let Some(status) = run_again_inside() {
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    ensure!(
        options.seconds * options.ending <= ADDRESSES.into(),
        "a run has no more than {ADDRESSES} short tests: an address is traced once"
    );
    let network = Routers::new(Topology::hops(&[1, 4, 4, 1]), Behaviour::default());
    network.add_targets(ADDRESSES);
    let mut pairs = Vec::new();
    for number in 0..options.pairs {
        // Alternating order, so that a drift of the machine favours neither.
        let first_traces = number % 2 == 1;
        let first = run(&options, &network, first_traces)?;
        let second = run(&options, &network, !first_traces)?;
        let (without, with) = if first_traces { (second, first) } else { (first, second) };
        let pair = Pair { without, with };
        println!("{pair}");
        pairs.push(pair);
    }
    report(&pairs);
    Ok(ExitCode::SUCCESS)
}

/// One side of a pair.
fn run(options: &Options, network: &Routers, traces: bool) -> Result<Samples> {
    let directory = Directory::new();
    let server = Server::start(network, &directory);
    let tracer = traces.then(|| tracer(network, &directory));
    let seconds = (options.seconds + 1).to_string();
    let mut downloads = network.target().command(&options.peer);
    downloads.args(["trickle", &server.address, "--upgrade", "/ndt/v7/download"]);
    downloads.args(["--count", &options.downloads.to_string(), "--seconds", &seconds]);
    downloads.args(["--rate", &options.rate.to_string()]);
    let downloads = Process::start(&mut downloads);

    let pause = Duration::from_secs(1) / options.ending as u32;
    network.target().within(|| -> Result<()> {
        let start = Instant::now();
        for number in 1..=(options.seconds * options.ending) as u8 {
            short_test(&server.address, Routers::target_v4(number))?;
            let due = start + pause * u32::from(number);
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        Ok(())
    })?;
    downloads.finished(DEADLINE).expect_code(0);
    server.process.stop(DEADLINE).expect_code(0);
    if let Some(tracer) = tracer {
        tracer.stop(DEADLINE).expect_code(0);
    }
    let samples = Samples::read(&directory.join("server"), &directory.join("tracer"))?;
    ensure!(traces == (samples.traces > 0), "{} traces", samples.traces);
    Ok(samples)
}

/// `trigpoint-station server` in the lab.
struct Server {
    process: Process,
    address: String,
}

impl Server {
    fn start(network: &Routers, directory: &Directory) -> Self {
        let mut command = network.source().command(STATION);
        let listen = Routers::v4(Node::Source).to_string();
        command.args(["server", "--listen", &listen, "--ws-port", "0", "--wss-port", "0"]);
        // No download ends by itself.
        command.args(["--admin-port", "0", "--test-duration", "10m", "--lame-duck", "0s"]);
        command.args(["--max-tests", "1000"]).arg("--data-dir").arg(directory.join("server"));
        command.arg("--event-socket").arg(event_socket(directory));
        let process = Process::start(&mut command);
        let address = process.line(Stream::Stdout, DEADLINE, |line| {
            let (_, rest) = line.split_once("ws://")?;
            Some(rest.split(['/', ' ']).next()?.to_owned())
        });
        Self { process, address }
    }
}

/// `trigpoint-station traceroute` beside it.
fn tracer(network: &Routers, directory: &Directory) -> Process {
    let mut command: Command = network.source().command(STATION);
    command.args(["traceroute", "--listen", "127.0.0.1", "--admin-port", "0"]);
    command.arg("--event-socket").arg(event_socket(directory));
    command.arg("--data-dir").arg(directory.join("tracer"));
    Process::start(&mut command)
}

fn event_socket(directory: &Directory) -> PathBuf {
    directory.join("events.sock")
}

/// A download that its client ends with its first message, from an address of its own.
fn short_test(server: &str, from: IpAddr) -> Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("make a socket")?;
    socket.bind(&SocketAddr::new(from, 0).into()).with_context(|| format!("bind {from}"))?;
    let address: SocketAddr = server.parse().context("read the server's address")?;
    socket.connect(&address.into()).context("connect from a further address")?;
    let mut client = RawClient::over(TcpStream::from(socket), server, "download");
    client.await_frame(opcode::TEXT);
    client.send(opcode::CLOSE, &1000_u16.to_be_bytes()).context("end a short test")?;
    client.drain().context("drain a short test")?;
    Ok(())
}
