//! What limited the flow, as shares of time (`tcp_get_info_chrono_stats` in
//! `net/ipv4/tcp.c`: the kernel counts one of three at any time, or none).

use super::counter::{Steps, rates};
use super::extent::{Extent, column, extents};
use super::flow::Snapshots;

/// A share of time over time.
pub(super) struct Share {
    /// Short, for a terminal.
    pub(super) name: &'static str,
    /// In full.
    pub(super) words: &'static str,
    steps: Steps,
}

impl Share {
    /// The kernel counts in jiffies, so a share may come out a little below 0 or
    /// above 1.
    pub(super) fn extents(&self, duration_us: i64, columns: usize) -> Vec<Option<Extent>> {
        let values: Vec<_> =
            self.steps.values.iter().map(|share| share.map(|it| it.clamp(0.0, 1.0))).collect();
        extents(&self.steps.times_us, &values, duration_us, columns)
    }

    pub(super) fn is_known(&self) -> bool {
        self.steps.values.iter().any(Option::is_some)
    }
}

/// The four that make up all of the time.
pub(super) fn limits(snapshots: &Snapshots, window_us: i64) -> [Share; 4] {
    let it = snapshots;
    let share = |name, words, counter: &[Option<i64>]| Share {
        name,
        words,
        steps: rates(&it.elapsed_us, counter, window_us),
    };
    let busy = || it.elapsed_us.iter().zip(&it.busy_time_us);
    let windows = || it.rwnd_limited_us.iter().zip(&it.sndbuf_limited_us);
    let network: Vec<_> = busy()
        .zip(windows())
        .map(|((_, busy), (rwnd, sndbuf))| Some((*busy)? - (*rwnd)? - (*sndbuf)?))
        .collect();
    let idle: Vec<_> = busy().map(|(elapsed, busy)| Some(elapsed - (*busy)?)).collect();
    [
        share("network", "network or congestion window", &network),
        share("rwnd", "receive window", &it.rwnd_limited_us),
        share("sndbuf", "send buffer", &it.sndbuf_limited_us),
        share("idle", "idle", &idle),
    ]
}

/// The share of time in which the delivery rate was limited by the application.
pub(super) fn app_limited(snapshots: &Snapshots, window_us: i64) -> Share {
    let times = &snapshots.elapsed_us;
    let mut total = 0;
    let mut counter = Vec::with_capacity(times.len());
    for (at, flag) in snapshots.delivery_rate_app_limited.iter().enumerate() {
        counter.push(flag.map(|_| total));
        let until = times.get(at + 1).or(times.get(at)).copied().unwrap_or_default();
        if *flag == Some(1) {
            total += until - times.get(at).copied().unwrap_or(until);
        }
    }
    let words = "the delivery rate was limited by the application";
    Share { name: "app-limited", words, steps: rates(times, &counter, window_us) }
}

/// The columns in whose time polls were missed.
pub(super) fn missed(snapshots: &Snapshots, columns: usize) -> Vec<bool> {
    let mut missed = vec![false; columns];
    let duration_us = snapshots.duration_us();
    let mut before_us = 0;
    for (time_us, polls) in snapshots.elapsed_us.iter().zip(&snapshots.polls_missed_before) {
        if polls.is_some_and(|polls| polls > 0) {
            let from = column(before_us, duration_us, columns);
            let to = column(*time_us, duration_us, columns);
            missed.iter_mut().take(to + 1).skip(from).for_each(|column| *column = true);
        }
        before_us = *time_us;
    }
    missed
}
