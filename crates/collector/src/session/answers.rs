//! Acknowledgements and rejections: never before the commit.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::{mpsc, watch};
use tonic::Status;
use trigpoint_wire::ingest::{Ack, CollectorMessage, Reject, collector_message};

use super::{Outcome, message};
use crate::stream::{State, Stream};

/// What the intake did with a message.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is on its way to the lake.
    Submitted { seq: u64 },
    /// The same, as a marker alone: it is in quarantine.
    Rejected(Reject),
    /// It was there before.
    Known { seq: u64 },
}

/// The answers of one stream.
pub(super) struct Answers {
    sender: mpsc::Sender<Result<CollectorMessage, Status>>,
    state: watch::Receiver<State>,
    /// The last sequence number taken.
    taken: u64,
    /// The last one among them that waits for a commit, or did.
    submitted: u64,
    acknowledged: u64,
    rejects: VecDeque<Reject>,
}

impl Answers {
    pub(super) fn new(
        sender: mpsc::Sender<Result<CollectorMessage, Status>>,
        stream: &Arc<Stream>,
    ) -> Self {
        let (state, rejects) = (stream.state(), VecDeque::new());
        Self { sender, state, taken: 0, submitted: 0, acknowledged: 0, rejects }
    }

    pub(super) fn taken(&mut self, taken: Taken) {
        let seq = match taken {
            Taken::Known { seq } => seq,
            Taken::Submitted { seq } => {
                self.submitted = seq;
                seq
            }
            Taken::Rejected(reject) => {
                self.submitted = reject.seq;
                let seq = reject.seq;
                self.rejects.push_back(reject);
                seq
            }
        };
        self.taken = self.taken.max(seq);
    }

    /// Waits for a commit.
    pub(super) async fn committed(&mut self) {
        if self.state.changed().await.is_err() {
            // The stream's state lives as long as its session.
            std::future::pending::<()>().await;
        }
    }

    /// Whether something taken is not acknowledged yet.
    pub(super) fn owes(&self) -> bool {
        self.acknowledged < self.taken
    }

    /// Says what can be said by now.
    pub(super) async fn give(&mut self) -> Result<(), Outcome> {
        let committed = self.state.borrow_and_update().committed;
        // What was known before needs no commit, but what it stands behind does.
        let ack = if committed >= self.submitted { self.taken } else { committed };
        while let Some(reject) = self.rejects.pop_front_if(|reject| reject.seq <= ack) {
            self.send(collector_message::Message::Reject(reject)).await?;
        }
        if ack > self.acknowledged {
            self.send(collector_message::Message::Ack(Ack { seq: ack })).await?;
            self.acknowledged = ack;
        }
        Ok(())
    }

    async fn send(&self, answer: collector_message::Message) -> Result<(), Outcome> {
        self.sender.send(Ok(message(answer))).await.map_err(|_| Outcome::Gone)
    }
}
