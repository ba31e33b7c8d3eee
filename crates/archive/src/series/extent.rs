//! From any number of snapshots to a number of columns, without losing a peak.

/// What the values within one column of a picture were.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    pub(super) lowest: f64,
    pub(super) highest: f64,
    /// In force at the column's end; none where it is NULL by then.
    pub(super) last: Option<f64>,
}

impl Extent {
    fn include(column: &mut Option<Self>, value: f64) {
        let extent = column.get_or_insert(Self { lowest: value, highest: value, last: None });
        extent.lowest = extent.lowest.min(value);
        extent.highest = extent.highest.max(value);
        extent.last = Some(value);
    }
}

/// The column of `columns` in which a time lies, from 0 to `duration_us`.
pub(super) fn column(time_us: i64, duration_us: i64, columns: usize) -> usize {
    let share = time_us.max(0) as f64 / duration_us.max(1) as f64;
    ((share * columns as f64) as usize).min(columns.saturating_sub(1))
}

/// The values in force in each column: a value holds from its time to the next
/// one's.  `None` where nothing was known.
pub(super) fn extents(
    times_us: &[i64],
    values: &[Option<f64>],
    duration_us: i64,
    columns: usize,
) -> Vec<Option<Extent>> {
    let mut extents = vec![None; columns];
    let mut held: Option<f64> = None;
    let mut from = 0;
    for (time_us, value) in times_us.iter().zip(values) {
        let at = column(*time_us, duration_us, columns);
        if let Some(held) = held {
            for column in extents.iter_mut().take(at + 1).skip(from) {
                Extent::include(column, held);
            }
        }
        if let Some(column) = extents.get_mut(at) {
            match (value, column) {
                (Some(value), column) => Extent::include(column, *value),
                (None, Some(extent)) => extent.last = None,
                (None, None) => {}
            }
        }
        (held, from) = (*value, at);
    }
    extents
}
