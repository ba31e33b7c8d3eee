//! Notices when batches wait too long for their acknowledgement.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};
use trigpoint_spool::Spool;

use crate::Status;

/// Watches the spool for ever; says once when it falls behind, and once when
/// it has caught up.
pub(crate) async fn watch(spool: &Spool, status: &watch::Sender<Status>, behind_after: Duration) {
    let mut check = tokio::time::interval((behind_after / 8).max(Duration::from_millis(1)));
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The batch that has to be acknowledged, and since when it waits.
    let mut due = (spool.last_seq(), Instant::now());
    loop {
        check.tick().await;
        let (acknowledged, last_seq) = (spool.acknowledged(), spool.last_seq());
        let mut behind = status.borrow().behind;
        let late = due.1.elapsed() >= behind_after;
        if acknowledged < due.0 {
            if late && !behind {
                behind = true;
                tracing::warn!(
                    unacknowledged_batches = last_seq - acknowledged,
                    spool_bytes = spool.bytes(),
                    waiting_s = due.1.elapsed().as_secs(),
                    connected = status.borrow().connected,
                    "this station falls behind: batches wait for the collector"
                );
            }
        } else {
            // An acknowledgement that came late is progress, but not the end
            // of it: the next one has to be in time.
            if behind && !late {
                behind = false;
                tracing::info!(acknowledged_seq = acknowledged, "this station has caught up");
            }
            due = (last_seq, Instant::now());
        }
        status.send_if_modified(|status| std::mem::replace(&mut status.behind, behind) != behind);
    }
}
