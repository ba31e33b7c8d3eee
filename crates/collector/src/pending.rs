//! What waits for the next commit.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::Instant;
use trigpoint_lake::{Group, Rows};
use trigpoint_record::{Table, tables::SPEED_TESTS};

use crate::{
    cadence::Waiting,
    memory::Held,
    stream::{End, Stream},
};

/// A batch on its way into the lake.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) stream: Arc<Stream>,
    pub(crate) table: &'static Table,
    pub(crate) seq: u64,
    /// None where only the marker moves: the batch is in quarantine.
    pub(crate) rows: Option<Rows>,
    pub(crate) received: Instant,
    /// The memory that the rows take, given back after the commit.
    pub(crate) held: [Held; 2],
}

/// All batches since the last commit.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// By transaction name; a spool that has reconnected has two streams here.
    spools: BTreeMap<String, Spool>,
    pub(crate) waiting: Waiting,
}

#[derive(Debug, Default)]
struct Spool {
    /// By table and sequence number, so that what two streams brought counts once.
    tables: BTreeMap<&'static str, BTreeMap<u64, Option<Rows>>>,
    /// Each stream's last sequence number here.
    streams: Vec<(Arc<Stream>, u64)>,
    held: Vec<[Held; 2]>,
    batches: usize,
    failed: bool,
}

impl Pending {
    /// Takes a batch, unless one that its stream brought before was not committed.
    pub(crate) fn push(&mut self, batch: Submission) {
        if batch.stream.has_failed() {
            return;
        }
        let spool = self.spools.entry(batch.stream.app_id.clone()).or_default();
        match spool.streams.iter_mut().find(|(stream, _)| Arc::ptr_eq(stream, &batch.stream)) {
            Some((_, last)) => *last = batch.seq,
            None => spool.streams.push((batch.stream, batch.seq)),
        }
        spool.batches += 1;
        let waiting = &mut self.waiting;
        waiting.most_batches = waiting.most_batches.max(spool.batches);
        waiting.rows += batch.rows.as_ref().map_or(0, Rows::len);
        waiting.oldest = waiting.oldest.or(Some(batch.received));
        if batch.table.name == SPEED_TESTS.name {
            waiting.oldest_test = waiting.oldest_test.or(Some(batch.received));
        }
        spool.tables.entry(batch.table.name).or_default().insert(batch.seq, batch.rows);
        spool.held.push(batch.held);
    }

    /// Notes that nothing follows what `stream` brought.
    pub(crate) fn finish(&mut self, stream: &Arc<Stream>) {
        let waits = self.spools.get(&stream.app_id).is_some_and(|spool| {
            spool.streams.iter().any(|(waiting, _)| Arc::ptr_eq(waiting, stream))
        });
        self.waiting.finished |= waits;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spools.is_empty()
    }

    /// Takes out one table's part; what remains tells whom it was for.
    pub(crate) fn take(&mut self, table: &Table) -> Vec<Group> {
        let mut groups = Vec::new();
        for (app_id, spool) in &mut self.spools {
            let Some(batches) = spool.tables.remove(table.name) else { continue };
            let Some(&last_seq) = batches.keys().next_back() else { continue };
            let rows = batches.into_values().flatten().collect();
            groups.push(Group { app_id: app_id.clone(), last_seq, rows });
        }
        groups
    }

    /// Notes that what was taken out for these spools was not committed.
    pub(crate) fn fail(&mut self, app_ids: &[String]) {
        for app_id in app_ids {
            if let Some(spool) = self.spools.get_mut(app_id) {
                spool.failed = true;
            }
        }
    }

    /// Tells every stream how it went; those of which something is not
    /// committed end as `end` says.  How many these are.
    pub(crate) fn settle(self, end: Option<&End>) -> usize {
        let mut ended = 0;
        for spool in self.spools.into_values() {
            let done = !spool.failed && spool.tables.is_empty();
            for (stream, last_seq) in spool.streams {
                match end {
                    _ if done => stream.committed(last_seq),
                    Some(end) => {
                        stream.end(end.clone());
                        ended += 1;
                    }
                    None => debug_assert!(false, "a batch of a table that the lake has not"),
                }
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests;
