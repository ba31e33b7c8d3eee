//! Which way a fleet goes.

use crate::{Desired, Observed, Revision};

/// From where to where, and how carefully.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Course {
    /// The last promoted revision.
    pub(crate) stable: Option<Revision>,
    /// Where the fleet is to be.
    pub(crate) target: Revision,
    /// How.
    pub(crate) kind: Kind,
}

/// How carefully.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing was ever promoted: there is no healthy station to protect and
    /// nothing to compare with, so no waves.
    Install,
    /// A revision that proves itself wave by wave.
    Waves,
    /// The target was promoted before: it has proven itself, and whoever goes back
    /// to it is in a hurry.
    Return,
}

impl Course {
    pub(crate) fn of(desired: &Desired, observed: &Observed) -> Self {
        let target = desired.target().clone();
        let stable = observed
            .revisions
            .iter()
            .filter_map(|(revision, record)| Some((record.promoted_at?, revision)))
            .max()
            .map(|(_, revision)| revision.clone());
        let is_proven =
            observed.revisions.get(&target).is_some_and(|record| record.promoted_at.is_some());
        let kind = match &stable {
            None => Kind::Install,
            Some(_) if is_proven => Kind::Return,
            Some(_) => Kind::Waves,
        };
        Self { stable, target, kind }
    }

    /// The revision of nodes that no wave has reached, and to which a node goes
    /// back that failed.
    pub(crate) fn home(&self) -> Option<&Revision> {
        match self.kind {
            Kind::Install => None,
            Kind::Waves => self.stable.as_ref(),
            Kind::Return => Some(&self.target),
        }
    }
}
