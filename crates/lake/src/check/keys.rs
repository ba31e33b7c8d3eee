//! Keys that stand in more than one row.
//!
//! Rows with the same key have the same date, so one date is looked at at a
//! time; of its keys 64-bit hashes are kept, at most [`HASHES`] of them: a date
//! with more rows is read again for each further part of the hashes.  What has
//! one hash is then compared as it is, so that a collision is no finding.
//! Memory: 64 MiB, twice that while the list grows.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::row::RowConverter;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::file;
use super::object;

/// Hashes in memory at a time.
pub(super) const HASHES: u64 = 8 << 20;
/// Keys that are compared as they are; when there are more, something is so
/// wrong that the first ones tell it.
const COMPARED: usize = 10_000;

/// Hashes of one part of a date's keys.
pub(super) struct Hashes {
    columns: Vec<&'static str>,
    converter: Option<RowConverter>,
    part: u64,
    parts: u64,
    values: Vec<u64>,
}

/// How many parts a date of so many rows is looked at in.
pub(super) fn parts(rows: u64) -> u64 {
    rows.div_ceil(HASHES).max(1)
}

impl Hashes {
    pub(super) fn new(columns: Vec<&'static str>, part: u64, parts: u64) -> Self {
        Self { columns, converter: None, part, parts, values: Vec::new() }
    }

    pub(super) fn take(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let (part, parts) = (self.part, self.parts);
        let values = &mut self.values;
        each(&self.columns, &mut self.converter, batch, |_, hash, _| {
            if hash % parts == part {
                values.push(hash);
            }
        })
    }

    /// The hashes that stand there more than once.
    pub(super) fn repeated(mut self) -> HashSet<u64> {
        self.values.sort_unstable();
        let pairs = self.values.windows(2).filter(|pair| pair[0] == pair[1]);
        pairs.map(|pair| pair[0]).take(COMPARED).collect()
    }
}

/// Where keys stand whose hashes are suspicious.
pub(super) struct Keys {
    columns: Vec<&'static str>,
    converter: Option<RowConverter>,
    suspects: HashSet<u64>,
    rows: HashMap<Box<[u8]>, Rows>,
}

/// The rows of one key.
struct Rows {
    words: String,
    count: u64,
    files: BTreeSet<String>,
}

impl Keys {
    pub(super) fn new(columns: Vec<&'static str>, suspects: HashSet<u64>) -> Self {
        Self { columns, converter: None, suspects, rows: HashMap::new() }
    }

    /// Takes rows of `file`.
    pub(super) fn take(&mut self, batch: &RecordBatch, file: &str) -> Result<(), String> {
        let values = file::columns(batch, &self.columns);
        let (suspects, found) = (&self.suspects, &mut self.rows);
        each(&self.columns, &mut self.converter, batch, |row, hash, key| {
            if suspects.contains(&hash) {
                let rows = found.entry(key.into()).or_insert_with(|| Rows {
                    words: words(&values, row),
                    count: 0,
                    files: BTreeSet::new(),
                });
                rows.count += 1;
                rows.files.insert(file.to_owned());
            }
        })
    }

    /// What is wrong, in words; `None` when every key was only suspicious.
    pub(super) fn describe(self) -> Option<String> {
        let limit = if self.suspects.len() >= COMPARED { "at least " } else { "" };
        let mut repeated: Vec<Rows> = self.rows.into_values().filter(|r| r.count > 1).collect();
        repeated.sort_by(|left, right| left.words.cmp(&right.words));
        let first = repeated.first()?;
        let files: Vec<&str> = first.files.iter().map(String::as_str).collect();
        Some(format!(
            "{limit}{} keys ({}) stand in more than one row, such as ({}) in {} rows of {}",
            repeated.len(),
            self.columns.join(", "),
            first.words,
            first.count,
            files.join(" and "),
        ))
    }
}

/// Row number, hash and key of every row that has a key without NULLs.
fn each(
    columns: &[&str],
    converter: &mut Option<RowConverter>,
    batch: &RecordBatch,
    mut take: impl FnMut(usize, u64, &[u8]),
) -> Result<(), String> {
    let values = file::columns(batch, columns);
    if values.len() != columns.len() || batch.num_rows() == 0 {
        return Ok(());
    }
    let made = match converter.take() {
        Some(made) => made,
        None => file::converter(&values)?,
    };
    let rows = made.convert_columns(&values).map_err(object::words)?;
    for (row, key) in rows.iter().enumerate() {
        if values.iter().any(|values| values.is_null(row)) {
            continue;
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        take(row, hasher.finish(), key.as_ref());
    }
    *converter = Some(made);
    Ok(())
}

fn words(values: &[ArrayRef], row: usize) -> String {
    let options = FormatOptions::default();
    let words = values.iter().map(|values| {
        ArrayFormatter::try_new(values, &options)
            .map_or_else(|_| "?".to_owned(), |formatter| formatter.value(row).to_string())
    });
    words.collect::<Vec<_>>().join(", ")
}
