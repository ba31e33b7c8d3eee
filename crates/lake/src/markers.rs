//! Markers of streams, remembered while nobody else can have moved them.
//!
//! delta-rs finds one by reading the newest checkpoint and the log after it, for
//! each stream anew: for ten streams that takes longer than their commit, and
//! grows with the table (`cargo xtask bench lake --only commits`).

use std::collections::HashMap;

/// What is known of one version of a table.
#[derive(Debug, Default)]
pub(crate) struct Markers {
    version: u64,
    known: HashMap<String, u64>,
}

impl Markers {
    /// A stream's marker at `version`; `None` where it has to be looked up.
    pub(crate) fn at(&self, version: u64, app_id: &str) -> Option<u64> {
        (version == self.version).then(|| self.known.get(app_id).copied()).flatten()
    }

    /// Remembers what was looked up.
    pub(crate) fn found(&mut self, version: u64, app_id: &str, marker: u64) {
        self.keep_from(version, version);
        self.known.insert(app_id.to_owned(), marker);
    }

    /// Remembers what a commit of this process has moved: all other markers are
    /// where they were, unless a rival has committed since they were known.
    pub(crate) fn committed(
        &mut self,
        version: u64,
        moved: impl IntoIterator<Item = (String, u64)>,
    ) {
        self.keep_from(version.saturating_sub(1), version);
        self.known.extend(moved);
    }

    /// What is known of `before` holds at `version`; what is known of any other
    /// version is forgotten.
    fn keep_from(&mut self, before: u64, version: u64) {
        if self.version != before {
            self.known.clear();
        }
        self.version = version;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_known_until_somebody_else_may_have_moved_them() {
        let mut markers = Markers::default();
        assert_eq!(markers.at(0, "a"), None);
        markers.found(4, "a", 7);
        assert_eq!(markers.at(4, "a"), Some(7));
        assert_eq!(markers.at(4, "b"), None);
        assert_eq!(markers.at(5, "a"), None, "of another version");

        markers.committed(5, [("b".to_owned(), 1)]);
        assert_eq!(markers.at(5, "a"), Some(7));
        assert_eq!(markers.at(5, "b"), Some(1));

        // Version 6 is a rival's.
        markers.committed(7, [("b".to_owned(), 2)]);
        assert_eq!(markers.at(7, "a"), None);
        assert_eq!(markers.at(7, "b"), Some(2));

        markers.found(9, "a", 8);
        assert_eq!(markers.at(9, "b"), None);
    }
}
