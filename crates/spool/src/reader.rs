//! Reading in order, without holding up the writer.

use std::{fs::File, io, path::Path, sync::MutexGuard};

use crate::{
    Entry, Error, GapReason,
    log::{Log, Place},
    record::Checksum,
    segment::{self, HEADER_LEN},
};

/// Remembers its place, so that reading on is one read per record.
#[derive(Debug)]
pub(crate) struct Reader {
    checksum: Checksum,
    cursor: Option<Cursor>,
}

#[derive(Debug)]
struct Cursor {
    /// Which segment.
    first_seq: u64,
    file: File,
    /// Every record before `offset` has a number up to `passed`.
    offset: u64,
    passed: u64,
}

impl Reader {
    pub(crate) fn new(checksum: Checksum) -> Self {
        Self { checksum, cursor: None }
    }

    /// The first entry behind `seq`; the log is locked only to find its place.
    pub(crate) fn read_after<'a>(
        &mut self,
        seq: u64,
        log: impl Fn() -> MutexGuard<'a, Log>,
    ) -> Result<Option<Entry>, Error> {
        loop {
            let (wanted, place) = {
                let log = log();
                let wanted = seq.max(log.acknowledged()).saturating_add(1);
                if wanted > log.last_seq() {
                    return Ok(None);
                }
                (wanted, log.place(wanted))
            };
            match place {
                Place::Gap { last_seq, reason } => {
                    return Ok(Some(Entry::Gap { first_seq: wanted, last_seq, reason }));
                }
                Place::Segment { first_seq, last_seq, path, len } => {
                    if !self
                        .cursor
                        .as_ref()
                        .is_some_and(|at| at.first_seq == first_seq && at.passed < wanted)
                    {
                        // Dropped or acknowledged since: look again.
                        let Some(file) = open(&path)? else { continue };
                        self.cursor =
                            Some(Cursor { first_seq, file, offset: HEADER_LEN, passed: 0 });
                    }
                    return self
                        .read_segment(wanted, last_seq, len)
                        .map(Some)
                        .map_err(Error::io("read", path));
                }
            }
        }
    }

    fn read_segment(&mut self, wanted: u64, last_seq: u64, len: u64) -> io::Result<Entry> {
        let gap = |last_seq| Entry::Gap { first_seq: wanted, last_seq, reason: GapReason::Damaged };
        let Some(cursor) = &mut self.cursor else { return Ok(gap(last_seq)) };
        while let Some(found) =
            segment::next_record(&cursor.file, self.checksum, cursor.offset, len)?
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

/// Opens a segment; `None` when it is gone.
fn open(path: &Path) -> Result<Option<File>, Error> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open", path)(error)),
    }
}
