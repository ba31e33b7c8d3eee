//! Rows per second and core through a real collector: gRPC over loopback,
//! decoding, conversion, group commit, acknowledgement.
//!
//! Batches are encoded before the clock starts, and the stations' threads are
//! left out of the CPU time.  TLS is not in it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use trigpoint_collector::{Authenticator, Collector, Settings};
use trigpoint_lake::Lake;
use trigpoint_record::tables::SNAPSHOTS;
use trigpoint_record::{Station, TABLES};
use trigpoint_testkit::Directory;
use trigpoint_wire::ingest::collector_message::Message as Answer;
use trigpoint_wire::ingest::ingest_client::IngestClient;
use trigpoint_wire::ingest::station_message::Message;
use trigpoint_wire::ingest::{Batch, Hello, StationMessage};
use trigpoint_wire::{encode, schema};

use crate::{rows, usage};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rows in all
    #[arg(long)]
    rows: usize,
    /// Streams that bring them
    #[arg(long, default_value_t = 4)]
    streams: usize,
    /// Rows in a batch: a second of ten tests
    #[arg(long, default_value_t = 1000)]
    batch_rows: usize,
}

const COLLECTOR: &str = "collector";

pub(crate) fn run(options: &Options) -> Result<()> {
    let batches = (options.rows / options.batch_rows / options.streams).max(1);
    let payloads: Vec<Vec<Vec<u8>>> = (0..options.streams)
        .map(|stream| {
            let first = (stream * batches) as u64;
            let flows = first..first + batches as u64;
            flows
                .map(|flow| Ok(encode(&rows::batch(&SNAPSHOTS, flow, options.batch_rows)?)))
                .collect()
        })
        .collect::<Result<_>>()?;
    let bytes: usize = payloads.iter().flatten().map(Vec::len).sum();
    let rows = options.streams * batches * options.batch_rows;

    let directory = Directory::new();
    let lake = Lake::open(&directory.join("lake").to_string_lossy())?;
    let (collecting, delivering) = (threads(COLLECTOR)?, threads("station")?);
    let collector = collecting.block_on(async {
        Collector::start(lake.clone(), Settings::default(), &Registry::new())
    })?;
    let listener = collecting.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let uri = format!("http://{}", listener.local_addr()?);
    let serving = trigpoint_collector::transport()
        .add_service(collector.service(Authenticator::Local))
        .serve_with_incoming(TcpListenerStream::new(listener));
    collecting.spawn(serving);

    let (started, used) = (Instant::now(), usage::cpu_of_threads(COLLECTOR)?);
    delivering.block_on(async {
        let stations: Vec<_> = payloads
            .into_iter()
            .enumerate()
            .map(|(stream, payloads)| tokio::spawn(deliver(uri.clone(), stream, payloads)))
            .collect();
        for station in stations {
            station.await??;
        }
        anyhow::Ok(())
    })?;
    let took = started.elapsed().as_secs_f64();
    let cpu = usage::cpu_of_threads(COLLECTOR)? - used;
    collecting.block_on(collector.stop());
    println!(
        "ingest: {:.0} rows/s and core ({rows} rows of {} columns in {cpu:.2} s of CPU), \
         {:.0} rows/s by the clock, {:.0} bytes a row on the wire, {} streams",
        rows as f64 / cpu,
        SNAPSHOTS.columns.len(),
        rows as f64 / took,
        bytes as f64 / rows as f64,
        options.streams,
    );
    Ok(())
}

/// A runtime whose threads are counted under one name, and never end early.
fn threads(name: &str) -> Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name(name)
        .thread_keep_alive(Duration::from_hours(1))
        .enable_all()
        .build()
        .with_context(|| format!("start the threads `{name}`"))
}

/// Sends everything, ends its side of the stream as a station does, and waits
/// for the last acknowledgement.
async fn deliver(uri: String, stream: usize, payloads: Vec<Vec<u8>>) -> Result<()> {
    let mut client = IngestClient::connect(uri).await?.max_encoding_message_size(usize::MAX);
    let (sender, messages) = mpsc::channel(16);
    let mut answers = client.stream(ReceiverStream::new(messages)).await?.into_inner();
    let last = payloads.len() as u64;
    let send = async move {
        let hello = Hello {
            spool_id: format!("bench-{stream}"),
            station: Some(Station::default().into()),
            tables: TABLES.iter().map(|table| schema(table)).collect(),
        };
        sender.send(StationMessage { message: Some(Message::Hello(hello)) }).await?;
        for (seq, payload) in (1..).zip(payloads) {
            let table = SNAPSHOTS.name.to_owned();
            let batch = Batch { seq, table, payload: payload.into() };
            sender.send(StationMessage { message: Some(Message::Batch(batch)) }).await?;
        }
        anyhow::Ok(())
    };
    let receive = async {
        while let Some(answer) = answers.message().await? {
            match answer.message {
                Some(Answer::Ack(ack)) if ack.seq == last => return Ok(()),
                Some(Answer::Ack(_) | Answer::Welcome(_)) => {}
                other => bail!("stream {stream} was answered by {other:?}"),
            }
        }
        bail!("stream {stream} ended before its last acknowledgement")
    };
    let (sent, received) = tokio::join!(send, receive);
    sent.and(received)
}
