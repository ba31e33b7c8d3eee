//! One stream, from its Hello to its end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tonic::{Status, Streaming};
use trigpoint_wire::ingest::{
    CollectorMessage, Hello, Retry, RetryReason, StationMessage, Welcome, collector_message,
    station_message,
};

use crate::{
    authenticator::Principal,
    collector::Shared,
    committer::Message,
    hello::{Greeting, HelloError, check_hello},
    stream::{End, Stream},
};

mod answers;
mod intake;

use answers::Answers;
use intake::{Intake, Source};

/// When a station may come again that was sent away for now.
const SOON: Duration = Duration::from_secs(1);
/// The same where somebody has to upgrade something first.
const LATER: Duration = Duration::from_mins(1);
/// How long a station may take to read the last answer.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a stream may outlive the collector's wish to stop.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// A new stream of an authenticated account.
pub(crate) struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) principal: Principal,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) submissions: mpsc::UnboundedSender<Message>,
    pub(crate) inbound: Streaming<StationMessage>,
    pub(crate) answers: mpsc::Sender<Result<CollectorMessage, Status>>,
}

/// Why a stream ends.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The station ended it, and what it brought is acknowledged.
    Finished,
    /// The station is gone; what it brought is committed all the same.
    Gone,
    /// Come again, nothing is lost.
    Retry { after: Duration, reason: RetryReason, detail: String },
    /// It says what no station says.
    Refused(Status),
}

impl Outcome {
    fn busy(detail: &str) -> Self {
        let detail = detail.to_owned();
        Self::Retry { after: SOON, reason: RetryReason::Busy, detail }
    }

    fn newer(detail: String) -> Self {
        Self::Retry { after: LATER, reason: RetryReason::SchemaNewer, detail }
    }

    fn storage(detail: String) -> Self {
        Self::Retry { after: SOON, reason: RetryReason::Storage, detail }
    }
}

impl From<End> for Outcome {
    fn from(end: End) -> Self {
        match end {
            End::Replaced => Self::Retry {
                after: LATER,
                reason: RetryReason::Replaced,
                detail: "the same spool has opened another stream".to_owned(),
            },
            End::Failed { after, detail } => {
                Self::Retry { after, reason: RetryReason::Storage, detail }
            }
        }
    }
}

impl Session {
    pub(crate) async fn run(mut self) {
        let answers = self.answers.clone();
        let shared = Arc::clone(&self.shared);
        let (principal, peer) = (self.principal.account.clone(), self.peer);
        let outcome = match self.hello().await {
            Ok(greeting) => self.greeted(greeting).await,
            Err(outcome) => outcome,
        };
        let last = match outcome {
            Outcome::Finished => {
                tracing::debug!(principal, ?peer, "stream ended");
                return;
            }
            Outcome::Gone => {
                tracing::info!(principal, ?peer, "station gone");
                return;
            }
            Outcome::Retry { after, reason, detail } => {
                tracing::info!(principal, ?peer, ?reason, detail, "stream ended: come again");
                shared.metrics.retries.with_label_values(&[reason.as_str_name()]).inc();
                let after_ms = after.as_millis() as u64;
                let retry = Retry { after_ms, reason: reason.into(), detail };
                Ok(message(collector_message::Message::Retry(retry)))
            }
            Outcome::Refused(status) => {
                tracing::warn!(principal, ?peer, reason = status.message(), "stream refused");
                Err(status)
            }
        };
        // A station that does not read it will hear of it when it comes again.
        let _ = answers.send_timeout(last, LAST_ANSWER_WITHIN).await;
    }

    /// Waits for the Hello, and checks it.
    async fn hello(&mut self) -> Result<Greeting, Outcome> {
        let within = self.shared.settings.hello_within;
        let hello: Hello = match timeout(within, self.inbound.message()).await {
            Ok(Ok(Some(StationMessage {
                message: Some(station_message::Message::Hello(hello)),
            }))) => hello,
            Ok(Ok(_)) => {
                return Err(Outcome::Refused(Status::invalid_argument(
                    "a stream starts with a Hello",
                )));
            }
            Ok(Err(status)) => return Err(Outcome::Refused(status)),
            Err(_) => {
                return Err(Outcome::Refused(Status::deadline_exceeded("no Hello came")));
            }
        };
        let columns = self.shared.settings.limits.columns;
        let greeting =
            check_hello(hello, self.shared.lake.tables(), columns).map_err(
                |error| match error {
                    HelloError::Invalid(status) => Outcome::Refused(status),
                    HelloError::Newer(detail) => Outcome::newer(detail),
                },
            )?;
        if let Some(attested) = &self.principal.attested {
            attested.check(&greeting.station).map_err(Outcome::Refused)?;
        }
        Ok(greeting)
    }

    /// Enters the stream as its spool's only one, and serves it.
    async fn greeted(self, greeting: Greeting) -> Outcome {
        let shared = Arc::clone(&self.shared);
        if let Err(outcome) = self.check_owner(&greeting).await {
            return outcome;
        }
        let app_id = format!("{}/{}", self.principal.account, greeting.spool_id);
        let stream = Stream::new(app_id, shared.settings.stream_memory_bytes);
        if !shared.streams.enter(&stream) {
            return Outcome::busy("too many stations are connected");
        }
        shared.metrics.streams.inc();
        let outcome = tokio::select! {
            outcome = self.welcomed(greeting, &stream) => outcome,
            end = stream.ended() => end.into(),
            () = overdue(&shared) => Outcome::busy("the collector is stopping"),
        };
        shared.streams.leave(&stream);
        shared.metrics.streams.dec();
        outcome
    }

    /// Binds a new spool to the account, and refuses one of another account.
    async fn check_owner(&self, greeting: &Greeting) -> Result<(), Outcome> {
        let (spool_id, principal) = (greeting.spool_id.as_str(), &self.principal.account);
        match self.shared.lake.spool_owner(spool_id, principal).await {
            Ok(owner) if owner == *principal => Ok(()),
            Ok(owner) => {
                tracing::warn!(principal, spool_id, owner, "spool of another");
                Err(Outcome::Refused(Status::permission_denied(
                    "the spool belongs to another account: use that account's token, or start \
                     with an empty spool directory",
                )))
            }
            Err(error) => Err(Outcome::storage(error.line())),
        }
    }

    /// Tells the station what is committed, and takes what it brings.
    async fn welcomed(self, greeting: Greeting, stream: &Arc<Stream>) -> Outcome {
        let committed = match self.shared.lake.committed(&stream.app_id).await {
            Ok(committed) => committed,
            Err(error) => return Outcome::storage(error.line()),
        };
        tracing::info!(
            stream = stream.app_id,
            peer = ?self.peer,
            machine = greeting.station.machine,
            ?committed,
            "station connected"
        );
        let welcome = Welcome { committed: committed.clone() };
        let welcome = message(collector_message::Message::Welcome(welcome));
        if self.answers.send(Ok(welcome)).await.is_err() {
            return Outcome::Gone;
        }
        let source = Source { greeting, attested: self.principal.attested };
        let mut intake =
            Intake::new(self.shared, Arc::clone(stream), self.submissions, source, committed);
        let mut answers = Answers::new(self.answers, stream);
        match serve(self.inbound, &mut intake, &mut answers).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }
}

/// Takes messages and gives answers until one side ends, then acknowledges
/// what is still under way: soon, for a station that has ended its side is
/// ending itself and waits for that.
async fn serve(
    mut inbound: Streaming<StationMessage>,
    intake: &mut Intake,
    answers: &mut Answers,
) -> Result<Outcome, Outcome> {
    let shared = Arc::clone(&intake.shared);
    let last = loop {
        tokio::select! {
            biased;
            () = stopping(&shared) => break Outcome::busy("the collector is stopping"),
            () = answers.committed() => answers.give().await?,
            message = inbound.message() => match message {
                Ok(Some(message)) => {
                    answers.taken(intake.take(message).await?);
                    answers.give().await?;
                }
                Ok(None) => {
                    intake.finish()?;
                    break Outcome::Finished;
                }
                // Either the station is gone or it sent no message at all.
                Err(status) if status.code() == tonic::Code::OutOfRange => {
                    return Err(Outcome::Refused(status));
                }
                Err(_) => return Ok(Outcome::Gone),
            },
        }
    };
    answers.give().await?;
    while answers.owes() {
        answers.committed().await;
        answers.give().await?;
    }
    Ok(last)
}

/// Waits until the collector wants to stop.
async fn stopping(shared: &Shared) {
    let mut stopping = shared.stopping.clone();
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        // The collector was dropped without being stopped: serve on.
        std::future::pending::<()>().await;
    }
}

/// Waits until the collector has wanted to stop for too long.
async fn overdue(shared: &Shared) {
    stopping(shared).await;
    sleep(STOP_WITHIN).await;
}

pub(super) fn message(message: collector_message::Message) -> CollectorMessage {
    CollectorMessage { message: Some(message) }
}
