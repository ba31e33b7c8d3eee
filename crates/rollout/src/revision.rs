//! The name of a revision.

use std::fmt;
use std::sync::Arc;

/// The name of one immutable rendering of a fleet's pod: `<fleet>-<hash>`.
///
/// It is the name of the revision's record and of its DaemonSet, and the value
/// of the node label that puts a pod of it on a node.  It is cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(Arc<str>);

impl Revision {
    /// A revision of that name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(name.as_ref().into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The fleet whose revision it is: all before the last `-`, since a fleet's
    /// own name may hold some.
    pub fn fleet(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(fleet, _)| fleet)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Revision;

    #[test]
    fn a_fleet_whose_name_begins_with_another_is_another() {
        assert_eq!(Revision::new("edge-0123456789").fleet(), "edge");
        assert_eq!(Revision::new("edge-lab-0123456789").fleet(), "edge-lab");
        assert_eq!(Revision::new("by-hand").fleet(), "by");
        assert_eq!(Revision::new("nonsense").fleet(), "");
    }
}
