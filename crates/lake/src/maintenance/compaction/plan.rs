//! Which files are merged next: a pure function of the live files.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::Compaction;
use crate::live::{Key, LiveFile, Reading, Run, runs};

/// The next runs to merge into one; `None` when every date is as it should be.
pub(super) fn next(
    files: Vec<LiveFile>,
    reading: Reading,
    settings: &Compaction,
    now: DateTime<Utc>,
) -> Option<Vec<Run>> {
    let mut dates: BTreeMap<String, Vec<LiveFile>> = BTreeMap::new();
    for file in files {
        dates.entry(file.date.clone()).or_default().push(file);
    }
    dates.into_iter().find_map(|(date, files)| {
        if is_closed(&date, &files, settings, now) {
            closing(files, reading, settings)
        } else {
            rolling(files, reading, settings)
        }
    })
}

/// Whether the date is over and its last file has been there for a while.
fn is_closed(date: &str, files: &[LiveFile], settings: &Compaction, now: DateTime<Utc>) -> bool {
    let Ok(patience) = TimeDelta::from_std(settings.closed_after) else { return false };
    let Some(end) = date.parse::<NaiveDate>().ok().and_then(|date| date.succ_opt()) else {
        return false;
    };
    let newest = files.iter().map(|file| file.modified_ms).max();
    let newest = newest.and_then(DateTime::from_timestamp_millis).unwrap_or(now);
    now >= end.and_time(NaiveTime::MIN).and_utc() + patience && now >= newest + patience
}

/// Of a date that is being written: its small files, when they are many.
fn rolling(mut files: Vec<LiveFile>, reading: Reading, settings: &Compaction) -> Option<Vec<Run>> {
    files.retain(|file| file.bytes < settings.small_bytes);
    if files.len() <= settings.small_files {
        return None;
    }
    files.sort_by_key(|file| file.bytes);
    let mut bytes = 0;
    let fits = |file: &LiveFile| {
        bytes += file.bytes;
        bytes <= settings.commit_bytes
    };
    let runs = affordable(runs(files.into_iter().take_while(fits).collect()), reading, settings);
    // Also of one run: its files are small.
    (runs.iter().map(Vec::len).sum::<usize>() > 1).then_some(runs)
}

/// Of a date that is over: files with common keys, else neighbours that fit
/// into one file.
fn closing(files: Vec<LiveFile>, reading: Reading, settings: &Compaction) -> Option<Vec<Run>> {
    let groups = overlapping(files);
    let merge = groups
        .iter()
        .filter(|group| group.len() > 1)
        .map(|group| affordable(runs(group.clone()), reading, settings))
        // One run alone is as it should be.
        .find(|runs| runs.len() > 1);
    merge.or_else(|| neighbours(groups, settings))
}

/// Groups of files, in the order of their keys: a key of one group is in no other.
fn overlapping(mut files: Vec<LiveFile>) -> Vec<Vec<LiveFile>> {
    files.sort_by(|left, right| (&left.low, &left.high).cmp(&(&right.low, &right.high)));
    let mut groups: Vec<Vec<LiveFile>> = Vec::new();
    let mut high = Key::Null;
    for file in files {
        let joins = file.low <= high;
        high = high.max(file.high.clone());
        match groups.last_mut() {
            Some(group) if joins => group.push(file),
            _ => groups.push(vec![file]),
        }
    }
    groups
}

/// The smallest runs that one merge can take.
fn affordable(mut runs: Vec<Run>, reading: Reading, settings: &Compaction) -> Vec<Run> {
    let bytes = |run: &Run| run.iter().map(|file| file.bytes).sum::<u64>();
    // Its files are read one after the other.
    let memory = |run: &Run| run.iter().map(|file| reading.bytes(file)).max().unwrap_or_default();
    runs.sort_by_key(bytes);
    let (mut all_bytes, mut all_memory) = (0, 0);
    let count = runs
        .iter()
        .take_while(|run| {
            all_bytes += bytes(run);
            all_memory += memory(run);
            all_bytes <= settings.commit_bytes && all_memory <= settings.memory_bytes
        })
        .count();
    runs.truncate(count);
    runs
}

/// Two or more files in a row that fit into one, as one run.
fn neighbours(groups: Vec<Vec<LiveFile>>, settings: &Compaction) -> Option<Vec<Run>> {
    let mut run = Run::new();
    let mut bytes = 0;
    for group in groups {
        let [file] = group.as_slice() else {
            // Too big to be merged: what is on its two sides stays apart.
            if run.len() > 1 {
                break;
            }
            run.clear();
            continue;
        };
        if run.is_empty() || bytes + file.bytes > settings.target_bytes {
            if run.len() > 1 {
                break;
            }
            run.clear();
            bytes = 0;
        }
        bytes += file.bytes;
        run.push(file.clone());
    }
    (run.len() > 1).then(|| vec![run])
}

#[cfg(test)]
mod tests;
