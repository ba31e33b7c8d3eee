//! The segments in order: appending, acknowledging, and the size cap.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::PathBuf,
};

use crate::{
    Error, GapReason, Settings,
    directory::{Directory, TEMPORARY_SUFFIX},
    record::{self, Checksum},
    segment::{self, HEADER_LEN, MAX_SEQ},
};

const DROPPED_SUFFIX: &str = ".dropped";

/// What lies at a sequence number, as far as names and lengths tell.
#[derive(Debug)]
pub(crate) enum Place {
    /// In the segment `first_seq`, whose last number is `last_seq`.
    Segment { first_seq: u64, last_seq: u64, path: PathBuf, len: u64 },
    /// Nowhere: lost up to `last_seq`.
    Gap { last_seq: u64, reason: GapReason },
}

/// Everything about the spool that changes.
#[derive(Debug)]
pub(crate) struct Log {
    directory: Directory,
    id: String,
    segment_bytes: u64,
    max_bytes: u64,
    /// Length by first sequence number; only the last one can grow.
    segments: BTreeMap<u64, u64>,
    /// The newest segment, open for appending, unless a new one is due.
    active: Option<File>,
    /// What the size cap took and nobody has acknowledged yet.
    dropped_range: Option<(u64, u64)>,
    dropped: u64,
    acknowledged: u64,
    next_seq: u64,
}

impl Log {
    pub(crate) fn open(directory: Directory, id: &str, settings: Settings) -> Result<Self, Error> {
        let names = directory.names()?;
        let dropped_range =
            names.iter().filter_map(|name| parse_dropped(name)).max_by_key(|(_, last)| *last);
        let mut segments = BTreeMap::new();
        for name in &names {
            if let Some(first_seq) = segment::parse_name(name) {
                let path = directory.file(name);
                let len = fs::metadata(&path).map_err(Error::io("inspect", path))?.len();
                segments.insert(first_seq, len);
            }
        }
        let mut log = Self {
            directory,
            id: id.to_owned(),
            segment_bytes: settings.segment_bytes.min(settings.max_bytes / 4),
            max_bytes: settings.max_bytes,
            segments,
            active: None,
            dropped_range,
            dropped: 0,
            acknowledged: 0,
            next_seq: dropped_range.map_or(1, |(_, last)| last + 1),
        };
        log.find_end()?;
        log.clean_up(&names);
        let oldest = dropped_range.map(|(first, _)| first);
        let oldest = oldest.into_iter().chain(log.segments.keys().next().copied()).min();
        log.acknowledged = oldest.unwrap_or(log.next_seq).saturating_sub(1);
        Ok(log)
    }

    pub(crate) fn checksum(&self) -> Checksum {
        Checksum::of_spool(&self.id)
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.segments.values().sum()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn append(&mut self, table: &str, payload: &[u8]) -> Result<u64, Error> {
        let seq = self.next_seq;
        if seq > MAX_SEQ {
            return Err(Error::SequenceOutOfRange { seq });
        }
        let record = record::encode(self.checksum(), seq, table, payload)?;
        self.make_room(record.len() as u64)?;
        let (Some(mut newest), Some(file)) = (self.segments.last_entry(), &self.active) else {
            unreachable!("make_room leaves a segment to append to");
        };
        let path = || self.directory.file(&segment::name(*newest.key()));
        let len = *newest.get();
        if let Err(error) = file
            .write_all_at(&record, len)
            .map_err(Error::io("append to", path()))
            .and_then(|()| file.sync_data().map_err(Error::io("sync", path())))
        {
            // Half a record, or a whole one that might be durable or not, must
            // not stay.  Where even that fails the segment is left as it is
            // and the number is used up, in case the record turns up later.
            if file.set_len(len).and_then(|()| file.sync_data()).is_err() {
                self.active = None;
                self.next_seq += 1;
            }
            return Err(error);
        }
        *newest.get_mut() = len + record.len() as u64;
        self.next_seq += 1;
        Ok(seq)
    }

    pub(crate) fn acknowledge(&mut self, seq: u64) -> Result<(), Error> {
        self.acknowledged = self.acknowledged.max(seq.min(self.last_seq()));
        if let Some((first, last)) = self.dropped_range
            && last <= self.acknowledged
        {
            self.directory.remove(&dropped_name(first, last))?;
            self.dropped_range = None;
        }
        // The newest segment stays even when all of it is acknowledged: it
        // remembers the sequence number.
        while let Some((first, last)) = self.oldest_closed()
            && last <= self.acknowledged
        {
            self.directory.remove(&segment::name(first))?;
            self.segments.remove(&first);
        }
        Ok(())
    }

    pub(crate) fn continue_after(&mut self, seq: u64) -> Result<(), Error> {
        if seq >= MAX_SEQ {
            return Err(Error::SequenceOutOfRange { seq });
        }
        if seq < self.next_seq {
            return Ok(());
        }
        self.start_segment(seq + 1)?;
        self.next_seq = seq + 1;
        Ok(())
    }

    /// Where the record `seq` lies; `seq` has been given.
    pub(crate) fn place(&self, seq: u64) -> Place {
        if let Some((_, last_seq)) = self.dropped_range
            && seq <= last_seq
        {
            return Place::Gap { last_seq, reason: GapReason::SizeCap };
        }
        let last_seq =
            self.segments.range(seq + 1..).next().map_or(self.last_seq(), |(first, _)| first - 1);
        match self.segments.range(..=seq).next_back() {
            Some((&first_seq, &len)) => {
                let path = self.directory.file(&segment::name(first_seq));
                Place::Segment { first_seq, last_seq, path, len }
            }
            None => Place::Gap { last_seq, reason: GapReason::Damaged },
        }
    }

    /// Puts a full disk in the place of the newest segment.
    #[cfg(test)]
    pub(crate) fn fail_next_append(&mut self) {
        let full = File::options().write(true).open("/dev/full");
        self.active = self.active.take().and(full.ok());
    }

    /// Learns from the newest segment where to go on.
    fn find_end(&mut self) -> Result<(), Error> {
        let Some((&first_seq, _)) = self.segments.last_key_value() else {
            return Ok(());
        };
        let path = self.directory.file(&segment::name(first_seq));
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let end = segment::scan(&file, &self.id, first_seq).map_err(Error::io("read", &path))?;
        self.next_seq = self.next_seq.max(end.next_seq);
        if end.sound {
            // On a read-only disk the spool can still be sent.
            match File::options().write(true).open(&path) {
                Ok(file) => self.active = Some(file),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot append to the spool");
                }
            }
        } else {
            tracing::warn!(
                path = %path.display(),
                next_seq = self.next_seq,
                "the newest spool segment ends in an unfinished or damaged record, which is passed over"
            );
        }
        Ok(())
    }

    /// Removes what a crash left behind: unfinished files, and segments whose
    /// drop was announced but not carried out.
    fn clean_up(&mut self, names: &[String]) {
        let dropped = self.dropped_range.map_or(0, |(_, last)| last);
        let superseded = |name: &str| parse_dropped(name).is_some_and(|(_, last)| last < dropped);
        let mut stale: Vec<String> = names
            .iter()
            .filter(|name| name.ends_with(TEMPORARY_SUFFIX) || superseded(name))
            .cloned()
            .collect();
        while let Some((first, last)) = self.oldest_closed()
            && last <= dropped
        {
            self.segments.remove(&first);
            stale.push(segment::name(first));
        }
        for name in stale {
            if let Err(error) = self.directory.remove(&name) {
                tracing::warn!(%error, "a file of no more use stays in the spool");
            }
        }
    }

    /// Makes sure that a record of `bytes` can go to the newest segment.
    fn make_room(&mut self, bytes: u64) -> Result<(), Error> {
        let newest = self.segments.last_key_value().map(|(_, len)| *len);
        let fits = newest.is_some_and(|len| len == HEADER_LEN || len + bytes <= self.segment_bytes);
        if self.active.is_none() || !fits {
            self.start_segment(self.next_seq)?;
        }
        while self.bytes() + bytes > self.max_bytes
            && let Some((first, last)) = self.oldest_closed()
        {
            self.drop_segment(first, last)?;
        }
        Ok(())
    }

    fn start_segment(&mut self, first_seq: u64) -> Result<(), Error> {
        self.active = Some(segment::create(&self.directory, &self.id, first_seq)?);
        self.segments.insert(first_seq, HEADER_LEN);
        Ok(())
    }

    /// First and last number of the oldest segment that is not the newest.
    fn oldest_closed(&self) -> Option<(u64, u64)> {
        let mut firsts = self.segments.keys();
        let (first, next) = (firsts.next()?, firsts.next()?);
        Some((*first, next - 1))
    }

    /// Drops a segment, but first says so in a name that survives a crash.
    fn drop_segment(&mut self, first: u64, last: u64) -> Result<(), Error> {
        let before = self.dropped_range;
        let first_lost = before.map_or(first, |(first, _)| first).max(self.acknowledged + 1);
        self.directory.create(&dropped_name(first_lost, last), &[])?;
        self.dropped_range = Some((first_lost, last));
        let counted = before.map_or(0, |(_, last)| last).max(self.acknowledged);
        let lost = last.saturating_sub(counted.max(first - 1));
        self.dropped += lost;
        tracing::warn!(
            batches = lost,
            first_seq = first_lost,
            last_seq = last,
            max_bytes = self.max_bytes,
            "the spool is at its size cap: the oldest batches are dropped"
        );
        if let Some((first, last)) = before
            && before != self.dropped_range
        {
            self.directory.remove(&dropped_name(first, last))?;
        }
        self.segments.remove(&first);
        self.directory.remove(&segment::name(first))
    }
}

fn dropped_name(first: u64, last: u64) -> String {
    format!("{first:020}-{last:020}{DROPPED_SUFFIX}")
}

fn parse_dropped(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_suffix(DROPPED_SUFFIX)?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (0 < first && first <= last && last < MAX_SEQ).then_some((first, last))
}
