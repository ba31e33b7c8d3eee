//! The segments in order: appending, acknowledging, and the size cap.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Instant, SystemTime},
};

use crate::{
    Error, GapReason, Settings,
    age::Ages,
    directory::{Directory, TEMPORARY_SUFFIX},
    disk::DiskFile,
    record::{self, Checksum},
    segment::{self, HEADER_LEN, MAX_SEQ},
};

const DROPPED_SUFFIX: &str = ".dropped";

/// What lies at a sequence number, as far as names and lengths tell.
#[derive(Debug)]
pub(crate) enum Place {
    /// In the segment `first_seq`, whose last number is `last_seq`.
    Segment { first_seq: u64, last_seq: u64, len: u64 },
    /// Nowhere: lost up to `last_seq`.
    Gap { last_seq: u64, reason: GapReason },
}

/// Everything about the spool that changes.
#[derive(Debug)]
pub(crate) struct Log {
    directory: Arc<Directory>,
    id: String,
    segment_bytes: u64,
    max_bytes: u64,
    /// Length by first sequence number; only the last one can grow.
    segments: BTreeMap<u64, u64>,
    /// The newest segment, open for appending, unless a new one is due.
    active: Option<Box<dyn DiskFile>>,
    /// What the size cap took and nobody has acknowledged yet.
    dropped_range: Option<(u64, u64)>,
    /// Files of no more use, in the order in which they have to go.  Until they
    /// are gone nothing is appended: some would be taken for what they are not.
    discarded: VecDeque<String>,
    dropped: u64,
    acknowledged: u64,
    next_seq: u64,
    ages: Ages,
}

impl Log {
    pub(crate) fn open(
        directory: Arc<Directory>,
        id: &str,
        settings: Settings,
    ) -> Result<Self, Error> {
        // Whatever a killed process left in the page cache only: it would be
        // read and sent now, and must not be gone after a power failure.
        directory.sync()?;
        let names = directory.names()?;
        let dropped_range =
            names.iter().filter_map(|name| parse_dropped(name)).max_by_key(|(_, last)| *last);
        let mut log = Self {
            directory,
            id: id.to_owned(),
            segment_bytes: settings.segment_bytes.min(settings.max_bytes / 4),
            max_bytes: settings.max_bytes,
            segments: BTreeMap::new(),
            active: None,
            dropped_range,
            discarded: VecDeque::new(),
            dropped: 0,
            acknowledged: 0,
            next_seq: dropped_range.map_or(1, |(_, last)| last + 1),
            ages: Ages::default(),
        };
        let modified = log.find_segments(&names)?;
        log.find_end()?;
        log.find_ages(&modified);
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

    /// Since when the oldest batch waits that is neither acknowledged nor lost.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        self.ages.oldest()
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
            // Half a record, or a whole one that might be durable or not.  The
            // next append starts a segment with its number, and so makes it
            // void also where it cannot be cut off.
            let _ = file.truncate(len);
            self.active = None;
            return Err(error);
        }
        *newest.get_mut() = len + record.len() as u64;
        self.next_seq += 1;
        self.ages.appended(seq, Instant::now());
        Ok(seq)
    }

    pub(crate) fn acknowledge(&mut self, seq: u64) -> Result<(), Error> {
        self.acknowledged = self.acknowledged.max(seq.min(self.last_seq()));
        self.ages.settled(self.acknowledged);
        if let Some((first, last)) = self.dropped_range
            && last <= self.acknowledged
        {
            self.discarded.push_back(dropped_name(first, last));
            self.dropped_range = None;
        }
        // The newest segment stays even when all of it is acknowledged: it
        // remembers the sequence number.
        while let Some((first, last)) = self.oldest_closed()
            && last <= self.acknowledged
        {
            self.segments.remove(&first);
            self.discarded.push_back(segment::name(first));
        }
        self.sweep()
    }

    pub(crate) fn continue_after(&mut self, seq: u64) -> Result<(), Error> {
        if seq >= MAX_SEQ {
            return Err(Error::SequenceOutOfRange { seq });
        }
        if seq < self.next_seq {
            return Ok(());
        }
        self.sweep()?;
        if self.active.is_none() {
            // An append may have failed: what it left must become void first.
            self.start_segment(self.next_seq)?;
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
            Some((&first_seq, &len)) => Place::Segment { first_seq, last_seq, len },
            None => Place::Gap { last_seq, reason: GapReason::Damaged },
        }
    }

    /// Finds the segments, and when each was last written to.
    fn find_segments(&mut self, names: &[String]) -> Result<BTreeMap<u64, SystemTime>, Error> {
        let mut modified = BTreeMap::new();
        for name in names {
            if let Some(first_seq) = segment::parse_name(name) {
                let inspection = self.directory.inspect(name)?;
                self.segments.insert(first_seq, inspection.len);
                modified.insert(first_seq, inspection.modified);
            }
        }
        Ok(modified)
    }

    /// Takes the time of a segment's last record, the only one that is known,
    /// for that of all its records.
    fn find_ages(&mut self, modified: &BTreeMap<u64, SystemTime>) {
        let (now, wall_clock) = (Instant::now(), SystemTime::now());
        let nexts = modified.keys().skip(1).copied().chain([self.next_seq]);
        for ((first, modified), next) in modified.iter().zip(nexts) {
            if *first < next {
                let age = wall_clock.duration_since(*modified).unwrap_or_default();
                self.ages.appended(next - 1, now.checked_sub(age).unwrap_or(now));
            }
        }
    }

    /// Learns from the newest segment where to go on.
    fn find_end(&mut self) -> Result<(), Error> {
        let Some((&first_seq, &len)) = self.segments.last_key_value() else {
            return Ok(());
        };
        let name = segment::name(first_seq);
        let path = self.directory.file(&name);
        let file = self.directory.open_to_write(&name)?;
        let end = segment::scan(file.as_ref(), &self.id, first_seq, len)
            .map_err(Error::io("read", &path))?;
        file.sync_data().map_err(Error::io("sync", &path))?;
        self.next_seq = self.next_seq.max(end.next_seq);
        if end.sound {
            self.active = Some(file);
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
        while let Some((first, last)) = self.oldest_closed()
            && last <= dropped
        {
            self.segments.remove(&first);
            self.discarded.push_back(segment::name(first));
        }
        let superseded = |name: &str| parse_dropped(name).is_some_and(|(_, last)| last < dropped);
        let stale = |name: &&String| name.ends_with(TEMPORARY_SUFFIX) || superseded(name);
        self.discarded.extend(names.iter().filter(stale).cloned());
        self.ages.settled(dropped);
        if let Err(error) = self.sweep() {
            tracing::warn!(%error, "files of no more use stay in the spool");
        }
    }

    /// Removes files of no more use.
    fn sweep(&mut self) -> Result<(), Error> {
        while let Some(name) = self.discarded.front() {
            self.directory.remove(name)?;
            self.discarded.pop_front();
        }
        Ok(())
    }

    /// Makes sure that a record of `bytes` can go to the newest segment.
    fn make_room(&mut self, bytes: u64) -> Result<(), Error> {
        self.sweep()?;
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
        let name = segment::name(first_seq);
        match self.directory.create(&name, &segment::header(&self.id)) {
            Ok(file) => {
                self.active = Some(file);
                self.segments.insert(first_seq, HEADER_LEN);
                Ok(())
            }
            Err(error) => {
                // It may be there all the same: the next start must not take it
                // for the newest.  An empty one that was there before it has to
                // stay, since it remembers the sequence number.
                if !self.segments.contains_key(&first_seq) {
                    self.discarded.push_back(name);
                }
                Err(error)
            }
        }
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
        let name = dropped_name(first_lost, last);
        if let Err(error) = self.directory.create(&name, &[]) {
            // It may be there all the same, and nothing is dropped.
            self.discarded.push_back(name);
            return Err(error);
        }
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
        self.ages.settled(last);
        self.segments.remove(&first);
        self.discarded.push_back(segment::name(first));
        self.discarded.extend(before.map(|(first, last)| dropped_name(first, last)));
        self.sweep()
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
