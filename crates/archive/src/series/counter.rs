//! Rates from counters: what was added over a window, by its length.

/// Values that hold from their time on; the last one says where that ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    pub(super) times_us: Vec<i64>,
    pub(super) values: Vec<Option<f64>>,
}

impl Steps {
    fn push(&mut self, time_us: i64, value: Option<f64>) {
        self.times_us.push(time_us);
        self.values.push(value);
    }
}

/// What a counter gains in a microsecond, over windows from snapshot to snapshot
/// of at least `window_us`.
///
/// A difference is between two values that were read: a window never ends between
/// snapshots, and none reaches over a NULL.
pub(super) fn rates(times_us: &[i64], counter: &[Option<i64>], window_us: i64) -> Steps {
    let mut steps = Steps::default();
    let readings: Vec<(i64, Option<i64>)> =
        times_us.iter().copied().zip(counter.iter().copied()).collect();
    for run in readings.chunk_by(|one, next| one.1.is_some() == next.1.is_some()) {
        let known: Vec<(i64, i64)> =
            run.iter().filter_map(|(time, value)| Some((*time, (*value)?))).collect();
        let (Some(last), Some(mut start)) = (known.last().copied(), known.first().copied()) else {
            continue;
        };
        for reading in &known {
            // What is left behind the last whole window is part of it.
            let is_window = reading.0 - start.0 >= window_us && last.0 - reading.0 >= window_us;
            if is_window || reading.0 == last.0 && last.0 > start.0 {
                let gained = (reading.1 - start.1) as f64;
                steps.push(start.0, Some(gained / (reading.0 - start.0) as f64));
                start = *reading;
            }
        }
        // Where nothing more is known the last rate ends.
        if start.0 == last.0 && known.len() > 1 {
            steps.push(last.0, None);
        }
    }
    steps
}
