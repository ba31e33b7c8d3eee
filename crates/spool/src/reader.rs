//! Reading in order, without holding up the writer.

use std::{
    io,
    sync::{Arc, MutexGuard},
};

use crate::{
    Entry, Error, GapReason,
    directory::Directory,
    disk::DiskFile,
    log::{Log, Place},
    record::Checksum,
    segment::{self, HEADER_LEN},
};

/// Remembers its place, so that reading on is one read per record.
#[derive(Debug)]
pub(crate) struct Reader {
    directory: Arc<Directory>,
    checksum: Checksum,
    cursor: Option<Cursor>,
}

#[derive(Debug)]
struct Cursor {
    /// Which segment.
    first_seq: u64,
    file: Box<dyn DiskFile>,
    /// Every record before `offset` has a number up to `passed`.
    offset: u64,
    passed: u64,
}

impl Reader {
    pub(crate) fn new(directory: Arc<Directory>, checksum: Checksum) -> Self {
        Self { directory, checksum, cursor: None }
    }

    /// The first entry behind `seq`; the log is locked only to find its place.
    ///
    /// A disk that cannot be read is an error, not a gap: it may come back.
    pub(crate) fn read_after<'a>(
        &mut self,
        seq: u64,
        log: impl Fn() -> MutexGuard<'a, Log>,
    ) -> Result<Option<Entry>, Error> {
        let mut missing = None;
        loop {
            let (wanted, place) = {
                let log = log();
                let wanted = seq.max(log.acknowledged()).saturating_add(1);
                if wanted > log.last_seq() {
                    return Ok(None);
                }
                (wanted, log.place(wanted))
            };
            let (first_seq, last_seq, len) = match place {
                Place::Gap { last_seq, reason } => {
                    return Ok(Some(Entry::Gap { first_seq: wanted, last_seq, reason }));
                }
                Place::Segment { first_seq, last_seq, len } => (first_seq, last_seq, len),
            };
            let name = segment::name(first_seq);
            if !self
                .cursor
                .as_ref()
                .is_some_and(|at| at.first_seq == first_seq && at.passed < wanted)
            {
                let Some(file) = self.directory.open(&name)? else {
                    if missing == Some(first_seq) {
                        // Taken away by somebody else.
                        let reason = GapReason::Damaged;
                        return Ok(Some(Entry::Gap { first_seq: wanted, last_seq, reason }));
                    }
                    // Dropped or acknowledged since, most likely: look again.
                    missing = Some(first_seq);
                    continue;
                };
                self.cursor = Some(Cursor { first_seq, file, offset: HEADER_LEN, passed: 0 });
            }
            return self
                .read_segment(wanted, last_seq, len)
                .map(Some)
                .map_err(Error::io("read", self.directory.file(&name)));
        }
    }

    fn read_segment(&mut self, wanted: u64, last_seq: u64, len: u64) -> io::Result<Entry> {
        let gap = |last_seq| Entry::Gap { first_seq: wanted, last_seq, reason: GapReason::Damaged };
        let Some(cursor) = &mut self.cursor else { return Ok(gap(last_seq)) };
        while let Some(found) =
            segment::next_record(cursor.file.as_ref(), self.checksum, cursor.offset, len)?
        {
            if found.seq == wanted {
                cursor.offset = found.end;
                cursor.passed = found.seq;
                return Ok(Entry::Batch {
                    seq: wanted,
                    table: found.table,
                    payload: found.payload,
                });
            }
            if found.seq > last_seq {
                break;
            }
            if found.seq > wanted {
                cursor.offset = found.start;
                cursor.passed = found.seq - 1;
                return Ok(gap(found.seq - 1));
            }
            cursor.offset = found.end;
            cursor.passed = found.seq;
        }
        Ok(gap(last_seq))
    }
}
