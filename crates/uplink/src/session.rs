//! One stream: Hello, Welcome, then batches one way and answers the other.

use std::time::Duration;

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};
use trigpoint_spool::{Entry, Error as SpoolError, Spool};
use trigpoint_wire::ingest::{
    Batch, CollectorMessage, Gap, Retry, StationMessage, collector_message,
    ingest_client::IngestClient, station_message,
};

use crate::{
    error::Failure,
    hello::hello,
    link::Link,
    window::{Sent, Window},
};

/// A collector may have to read its tables' markers first.
const WELCOME_WITHIN: Duration = Duration::from_secs(30);
/// Largest message of a collector: far above any real one.
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// What a collector asks for is honoured up to here.
const LONGEST_RETRY: Duration = Duration::from_mins(10);

/// Runs one stream until it fails, which it does sooner or later.  At the end
/// of the station the collector ends it, with everything acknowledged.
///
/// Dropping it in between loses nothing: the spool frees only what it is told
/// to, and the next stream starts from there.
pub(crate) async fn run(link: &Link) -> Failure {
    let window = Window::new(
        link.settings.max_unacknowledged_bytes,
        link.settings.max_unacknowledged_batches,
    );
    match open(link).await {
        // Both end by a failure only, and the first one ends the stream.
        Ok((outbound, inbound)) => tokio::select! {
            failure = send(link, &window, outbound) => failure,
            failure = receive(link, &window, inbound) => failure,
        },
        Err(failure) => failure,
    }
}

type Outbound = mpsc::Sender<StationMessage>;
type Inbound = Streaming<CollectorMessage>;

/// Connects, says Hello, and waits for the Welcome.
async fn open(link: &Link) -> Result<(Outbound, Inbound), Failure> {
    let channel = link.connector.connect().await?;
    let mut client = IngestClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    // One message of room: what waits for the network waits in the spool.
    let (outbound, messages) = mpsc::channel(1);
    let hello = hello(link.spool.id(), &link.settings.station);
    // It fits: the channel is new, and its other end is right here.
    let _ = outbound.try_send(message(station_message::Message::Hello(hello)));
    let request = link.connector.authorize(Request::new(ReceiverStream::new(messages)))?;
    let welcomed = async {
        let mut inbound = client.stream(request).await?.into_inner();
        let first = inbound.message().await?.ok_or(Failure::Closed)?;
        match first.message {
            Some(collector_message::Message::Welcome(welcome)) => Ok((inbound, welcome)),
            Some(collector_message::Message::Retry(retry)) => Err(retry_failure(retry)),
            _ => Err(Failure::NoWelcome),
        }
    };
    let (inbound, welcome) = timeout(WELCOME_WITHIN, welcomed).await.map_err(|_| {
        Failure::TimedOut { what: "welcome this station", within: WELCOME_WITHIN }
    })??;
    let committed = welcome.committed.values().copied().max().unwrap_or_default();
    if committed > link.spool.last_seq() {
        tracing::error!(
            committed,
            last_seq = link.spool.last_seq(),
            "the collector has batches of this spool that the disk has lost: \
             the numbering goes on behind them"
        );
        blocking(link, move |spool| spool.continue_after(committed)).await?;
    }
    link.welcomed();
    Ok((outbound, inbound))
}

/// Sends what the spool holds, in order, and waits for more.  At the end of the
/// station nothing more comes: the station's side of the stream ends behind the
/// last batch, so that the collector does not wait for company to commit it.
async fn send(link: &Link, window: &Window, outbound: Outbound) -> Failure {
    let mut appended = link.spool.appended();
    let mut ending = link.ending.subscribe();
    let mut seq = 0;
    loop {
        window.room().await;
        // Seen before reading, so that an append in between is not slept over.
        appended.mark_unchanged();
        let entry = match blocking(link, move |spool| spool.read_after(seq)).await {
            Ok(Some(entry)) => entry,
            Ok(None) if *ending.borrow() => break,
            Ok(None) => {
                // Both senders live in what the link holds.
                tokio::select! {
                    _ = appended.changed() => {}
                    _ = ending.changed() => {}
                }
                continue;
            }
            Err(failure) => return failure,
        };
        seq = entry.last_seq();
        let (sent, message) = outgoing(entry);
        window.push(sent);
        link.level(window.level());
        if outbound.send(message).await.is_err() {
            break;
        }
    }
    drop(outbound);
    // What ended the stream, or ends it now, is heard where the answers are read.
    std::future::pending().await
}

/// Handles the collector's answers.
async fn receive(link: &Link, window: &Window, mut inbound: Inbound) -> Failure {
    loop {
        let answer = match inbound.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) => return Failure::Closed,
            Err(status) => return status.into(),
        };
        match answer.message {
            Some(collector_message::Message::Ack(ack)) => {
                let freed = window.acknowledge(ack.seq);
                let seq = freed.seq;
                match blocking(link, move |spool| Ok(spool.acknowledge(seq))).await {
                    Ok(result) => link.freed(result),
                    Err(failure) => return failure,
                }
                link.acknowledged(&freed, window.level());
            }
            Some(collector_message::Message::Reject(reject)) => link.rejected(&reject),
            Some(collector_message::Message::Retry(retry)) => return retry_failure(retry),
            // A second Welcome, or a message of a newer collector.
            Some(collector_message::Message::Welcome(_)) | None => {}
        }
    }
}

fn outgoing(entry: Entry) -> (Sent, StationMessage) {
    let last_seq = entry.last_seq();
    match entry {
        Entry::Batch { seq, table, payload } => {
            let rows = trigpoint_wire::rows(&payload).unwrap_or_default();
            let sent = Sent { last_seq, payload_bytes: payload.len(), rows, lost: 0 };
            let batch = Batch { seq, table, payload: payload.into() };
            (sent, message(station_message::Message::Batch(batch)))
        }
        Entry::Gap { first_seq, last_seq, reason } => {
            let lost = last_seq - first_seq + 1;
            let sent = Sent { last_seq, payload_bytes: 0, rows: 0, lost };
            let gap = Gap { first_seq, last_seq, reason: reason.as_str().to_owned() };
            (sent, message(station_message::Message::Gap(gap)))
        }
    }
}

fn message(message: station_message::Message) -> StationMessage {
    StationMessage { message: Some(message) }
}

fn retry_failure(retry: Retry) -> Failure {
    let reason = retry.reason();
    let after = Duration::from_millis(retry.after_ms).min(LONGEST_RETRY);
    Failure::Retry { after, reason, detail: retry.detail }
}

/// Runs a call that waits for the disk where it holds nobody up.
async fn blocking<T: Send + 'static>(
    link: &Link,
    call: impl FnOnce(Spool) -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, Failure> {
    let spool = link.spool.clone();
    match tokio::task::spawn_blocking(move || call(spool)).await {
        Ok(result) => Ok(result?),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
