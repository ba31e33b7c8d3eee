//! What the tables have, apart for what must not be compared.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Float64Type;
use tonic::Status;

/// One of each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sides<T> {
    pub(crate) candidate: T,
    pub(crate) baseline: T,
}

/// Values of both sides, by stratum.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Samples {
    strata: BTreeMap<Stratum, Sides<Vec<f64>>>,
    /// Tests there are, of which those with values are all or a sample.
    pub(crate) tests: Sides<u64>,
}

/// Tests are compared with others of the same place and kind only: those of the
/// operator do not come from where users are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stratum {
    place: String,
    is_synthetic: bool,
}

/// Takes rows as they are found, and keeps of each side those with the smallest hashes:
/// the same in whatever order they come, and of every time of day and every client alike.
#[derive(Debug)]
pub(super) struct Sampling {
    most: usize,
    kept: Sides<BinaryHeap<Kept>>,
    tests: Sides<u64>,
}

#[derive(Debug)]
struct Kept {
    hash: u128,
    stratum: Stratum,
    value: f64,
}

impl Sampling {
    /// Keeps so many tests of each side at most.
    pub(super) fn of(most: usize) -> Self {
        Self { most, kept: Sides::default(), tests: Sides::default() }
    }

    /// Takes rows of what [`super::rows::sql`] finds.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), Status> {
        self.try_add(batch).ok_or_else(|| {
            Status::internal(format!("a gate's rows are of other types: {}", batch.schema()))
        })
    }

    /// `None` for rows of other types.
    fn try_add(&mut self, batch: &RecordBatch) -> Option<()> {
        let column = |name| batch.column_by_name(name);
        let is_candidate = column("is_candidate")?.as_boolean_opt()?;
        let is_synthetic = column("is_synthetic")?.as_boolean_opt()?;
        let place = column("stratum")?.as_string_opt::<i32>()?;
        let value = column("value")?.as_primitive_opt::<Float64Type>()?;
        let hash = column("hash")?.as_string_opt::<i32>()?;
        for row in 0..batch.num_rows() {
            let (kept, tests) = if is_candidate.value(row) {
                (&mut self.kept.candidate, &mut self.tests.candidate)
            } else {
                (&mut self.kept.baseline, &mut self.tests.baseline)
            };
            *tests += 1;
            let hash = u128::from_str_radix(hash.value(row), 16).ok()?;
            if kept.len() >= self.most {
                if kept.peek().is_none_or(|largest| largest.hash <= hash) {
                    continue;
                }
                kept.pop();
            }
            let place = place.value(row).to_owned();
            let stratum = Stratum { place, is_synthetic: is_synthetic.value(row) };
            kept.push(Kept { hash, stratum, value: value.value(row) });
        }
        Some(())
    }

    pub(super) fn samples(self) -> Samples {
        let mut samples = Samples { tests: self.tests, ..Samples::default() };
        for kept in self.kept.candidate {
            samples.strata.entry(kept.stratum).or_default().candidate.push(kept.value);
        }
        for kept in self.kept.baseline {
            samples.strata.entry(kept.stratum).or_default().baseline.push(kept.value);
        }
        samples
    }
}

impl Samples {
    /// Strata that can be compared; if there are none, all.
    pub(super) fn comparable(&self) -> Vec<&Sides<Vec<f64>>> {
        let both = |it: &&Sides<Vec<f64>>| !it.candidate.is_empty() && !it.baseline.is_empty();
        let comparable: Vec<_> = self.strata.values().filter(both).collect();
        if comparable.is_empty() { self.all() } else { comparable }
    }

    pub(super) fn all(&self) -> Vec<&Sides<Vec<f64>>> {
        self.strata.values().collect()
    }

    /// Values of either side.
    pub(super) fn kept(&self) -> Sides<usize> {
        let strata = self.strata.values();
        Sides {
            candidate: strata.clone().map(|it| it.candidate.len()).sum(),
            baseline: strata.map(|it| it.baseline.len()).sum(),
        }
    }

    /// Places with tests of the candidate, and those of them with some of both.
    pub(super) fn places(&self) -> (usize, usize) {
        let mut places: BTreeMap<&str, Sides<bool>> = BTreeMap::new();
        for (stratum, sides) in &self.strata {
            let place = places.entry(&stratum.place).or_default();
            place.candidate |= !sides.candidate.is_empty();
            place.baseline |= !sides.baseline.is_empty();
        }
        let candidates = places.values().filter(|place| place.candidate);
        let both = candidates.clone().filter(|place| place.baseline).count();
        (candidates.count(), both)
    }
}

/// All values of some strata, sorted.
pub(super) fn together<'a>(values: impl Iterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let mut all: Vec<f64> = values.flatten().copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    all
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash)
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Kept {}
