//! Plans of a moment ago.
//!
//! A driver asks three times for one query: to prepare it, for its schema, and
//! for its rows.  One plan serves all three while its snapshots are fresh, and
//! a ticket gives the rows of the very plan that its schema was told of.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use trigpoint_lake::Plan;

/// Holding a plan holds its snapshots.
const KEPT: usize = 256;
/// How long a ticket leads to its plan; afterwards the statement is planned anew.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// A plan with the statement that it is of.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) id: u64,
    pub(crate) plan: Plan,
    sql: String,
    made: Instant,
}

/// The last plans, newest at the back.
#[derive(Debug)]
pub(crate) struct Plans {
    plans: Mutex<VecDeque<Arc<Planned>>>,
    fresh_for: Duration,
}

impl Plans {
    /// Plans are shared by queries for so long.
    pub(crate) fn new(fresh_for: Duration) -> Self {
        Self { plans: Mutex::default(), fresh_for }
    }

    /// The plan of a ticket.
    pub(crate) fn of_ticket(&self, id: u64, sql: &str) -> Option<Arc<Planned>> {
        self.find(|planned| planned.id == id && planned.sql == sql, KEPT_FOR)
    }

    /// A plan that is as good as a new one.
    pub(crate) fn fresh(&self, sql: &str) -> Option<Arc<Planned>> {
        self.find(|planned| planned.sql == sql, self.fresh_for)
    }

    /// Keeps a plan that was begun at `made`.
    pub(crate) fn keep(&self, sql: String, plan: Plan, made: Instant) -> Arc<Planned> {
        let planned = Arc::new(Planned { id: rand::random(), plan, sql, made });
        let mut plans = self.lock();
        while plans.len() >= KEPT || plans.front().is_some_and(|it| it.made.elapsed() > KEPT_FOR) {
            plans.pop_front();
        }
        plans.push_back(Arc::clone(&planned));
        planned
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        let plans = std::mem::take(&mut *self.lock());
        drop(plans);
    }

    fn find(&self, is_it: impl Fn(&Planned) -> bool, age: Duration) -> Option<Arc<Planned>> {
        let plans = self.lock();
        let mut newest_first = plans.iter().rev();
        newest_first.find(|it| it.made.elapsed() <= age && is_it(it)).map(Arc::clone)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Planned>>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
