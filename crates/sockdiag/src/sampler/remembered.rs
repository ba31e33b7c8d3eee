//! Flows that ended without their destroy event, which may still come.

use std::collections::HashSet;

/// How long a cookie is remembered at least.
const ROTATION_NS: u64 = 60_000_000_000;

/// Cookies of the last one to two minutes.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    current: HashSet<u64>,
    previous: HashSet<u64>,
    rotated_ns: u64,
}

impl Remembered {
    pub(super) fn insert(&mut self, cookie: u64, now_ns: u64) {
        if now_ns.saturating_sub(self.rotated_ns) >= ROTATION_NS {
            self.previous = std::mem::take(&mut self.current);
            self.rotated_ns = now_ns;
        }
        self.current.insert(cookie);
    }

    /// Forgets the cookie; says whether it was there.
    pub(super) fn remove(&mut self, cookie: u64) -> bool {
        self.current.remove(&cookie) || self.previous.remove(&cookie)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_remembered_for_a_minute_and_not_forever() {
        let mut remembered = Remembered::default();
        remembered.insert(1, 60 * 1_000_000_000);
        remembered.insert(2, 119 * 1_000_000_000);
        remembered.insert(3, 121 * 1_000_000_000);
        assert!(remembered.remove(2), "2 s old");
        assert!(!remembered.remove(2), "an event comes once");
        remembered.insert(4, 200 * 1_000_000_000);
        assert!(!remembered.remove(1), "140 s old");
    }
}
