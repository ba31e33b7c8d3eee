//! What is drawn as lines over time: three panels with two lines each.

use super::axis::{Axis, RATE, SEGMENTS, TIME, Unit, with_unit};
use super::counter::{Steps, rates};
use super::extent::{Extent, extents};
use super::flow::{Series, Snapshots};

/// The shortest window over which a counter becomes a rate: ten polls, since
/// acknowledgements come in bursts and the kernel counts limits in jiffies.
const SHORTEST_WINDOW_US: i64 = 100_000;
/// Windows of a whole flow.
const WINDOWS: i64 = 100;

/// Lines that share an axis.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) lines: [Line; 2],
    units: &'static [Unit],
}

/// Values that hold from their time to the next.
pub(super) struct Line {
    pub(super) name: String,
    steps: Steps,
}

impl Panel {
    /// Up to the highest value of its lines; none where no value is known.
    pub(super) fn axis(&self, marks: usize) -> Option<Axis> {
        let values = self.lines.iter().flat_map(|line| line.steps.values.iter().flatten());
        let highest = values.copied().reduce(f64::max)?;
        Some(Axis::up_to(highest, self.units, marks))
    }

    /// Each line's name with its lowest and highest value.
    pub(super) fn summary(&self) -> String {
        let lines = self.lines.iter().map(|line| {
            let known = || line.steps.values.iter().flatten().copied();
            match (known().reduce(f64::min), known().reduce(f64::max)) {
                (Some(lowest), Some(highest)) => {
                    let lowest = with_unit(lowest, self.units);
                    format!("{} {lowest} to {}", line.name, with_unit(highest, self.units))
                }
                _ => format!("{} not known", line.name),
            }
        });
        format!("{}: {}", self.title, lines.collect::<Vec<_>>().join(", "))
    }
}

impl Line {
    fn of(name: impl Into<String>, times_us: &[i64], values: &[Option<i64>]) -> Self {
        let values = values.iter().map(|value| value.map(|value| value as f64)).collect();
        Self { name: name.into(), steps: Steps { times_us: times_us.to_vec(), values } }
    }

    pub(super) fn is_known(&self) -> bool {
        self.steps.values.iter().any(Option::is_some)
    }

    pub(super) fn extents(&self, duration_us: i64, columns: usize) -> Vec<Option<Extent>> {
        extents(&self.steps.times_us, &self.steps.values, duration_us, columns)
    }
}

/// Round-trip time, congestion window and rate.
pub(super) fn panels(series: &Series) -> [Panel; 3] {
    let it = &series.snapshots;
    let line = |name: &str, values: &[Option<i64>]| Line::of(name, &it.elapsed_us, values);
    [
        Panel {
            title: "Round-trip time",
            units: TIME,
            lines: [line("smoothed", &it.rtt_us), line("minimum", &it.min_rtt_us)],
        },
        Panel {
            title: "Congestion window",
            units: SEGMENTS,
            lines: [
                line("window", &it.snd_cwnd_segments),
                line("slow-start threshold", &it.snd_ssthresh_segments),
            ],
        },
        Panel { title: "Rate", units: RATE, lines: [delivery_rate(it), throughput(it)] },
    ]
}

/// How long the windows are over which counters become rates, where there is room
/// for `windows` of them.
pub(super) fn window_us(snapshots: &Snapshots, windows: i64) -> i64 {
    (snapshots.duration_us() / windows.max(1)).max(SHORTEST_WINDOW_US)
}

/// In bytes per microsecond.
fn delivery_rate(snapshots: &Snapshots) -> Line {
    // 0 is the kernel's word for "no sample yet".
    let known = |rate: &Option<i64>| rate.filter(|rate| *rate > 0).map(|rate| rate as f64 / 1e6);
    let values = snapshots.delivery_rate_bytes_per_s.iter().map(known).collect();
    let steps = Steps { times_us: snapshots.elapsed_us.clone(), values };
    Line { name: "delivery rate".to_owned(), steps }
}

/// Of the direction in which more bytes went.
fn throughput(snapshots: &Snapshots) -> Line {
    let gained = |counter: &[Option<i64>]| {
        let mut known = counter.iter().flatten();
        let first = known.next().copied().unwrap_or(0);
        known.next_back().map_or(0, |last| last - first)
    };
    let (acked, received) = (&snapshots.bytes_acked, &snapshots.bytes_received);
    let (what, counter) = if gained(received) > gained(acked) {
        ("received", received)
    } else {
        ("acknowledged", acked)
    };
    let window_us = window_us(snapshots, WINDOWS);
    let name = format!("{what}, mean over {}", with_unit(window_us as f64, TIME));
    Line { name, steps: rates(&snapshots.elapsed_us, counter, window_us) }
}
