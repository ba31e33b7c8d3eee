//! When each stream last made progress.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// All streams; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    pulses: Arc<Mutex<Vec<(&'static str, Pulse)>>>,
}

/// One stream's last sign of life.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    last: Arc<Mutex<Instant>>,
}

impl Health {
    /// Of a new stream; it counts as alive when it starts.
    pub(super) fn pulse(&self, kind: &'static str) -> Pulse {
        let pulse = Pulse { last: Arc::new(Mutex::new(Instant::now())) };
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner).push((kind, pulse.clone()));
        pulse
    }

    /// The age of the last progress, by kind: of the stream that is farthest behind.
    pub(crate) fn ages(&self) -> Vec<(&'static str, Duration)> {
        let pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ages: Vec<(&'static str, Duration)> = Vec::new();
        for (kind, pulse) in pulses.iter() {
            match ages.iter_mut().find(|(known, _)| known == kind) {
                Some((_, age)) => *age = (*age).max(pulse.age()),
                None => ages.push((kind, pulse.age())),
            }
        }
        ages
    }

    /// Fails with the names of streams that have made no progress for so long.
    pub(crate) fn check(&self, deadline: Duration) -> Result<(), String> {
        let dead: Vec<String> = self
            .ages()
            .into_iter()
            .filter(|(_, age)| *age > deadline)
            .map(|(kind, age)| format!("the watch of {kind} is silent for {} s", age.as_secs()))
            .collect();
        if dead.is_empty() { Ok(()) } else { Err(dead.join("; ")) }
    }
}

impl Pulse {
    pub(super) fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn age(&self) -> Duration {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_silent_stream_is_named_and_others_do_not_hide_it() {
        let health = Health::default();
        let [first, second] = ["Pod", "Pod"].map(|kind| health.pulse(kind));
        let node = health.pulse("Node");
        for pulse in [&first, &second, &node] {
            pulse.beat();
        }
        assert_eq!(health.check(Duration::from_mins(1)), Ok(()));
        let long_ago = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        *second.last.lock().unwrap() = long_ago;
        let error = health.check(Duration::from_mins(1)).unwrap_err();
        assert!(error.contains("Pod") && !error.contains("Node"), "{error}");
    }
}
