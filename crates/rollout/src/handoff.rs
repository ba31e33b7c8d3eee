//! A claimed node on its way from one revision to another.
//!
//! release → confirm gone → assign → verify: which step is next follows from the
//! node's label and pods alone, so a handoff goes on wherever it was left.

use std::fmt;
use std::time::Duration;

use crate::budgets::Budgets;
use crate::prove::{self, Proof};
use crate::situation::{Draft, Situation};
use crate::{
    Action, Change, Claim, Node, Pod, Presence, Qualified, Readiness, Reason, Revision, SelfTest,
    Time, Wait, candidates, rollback, stops,
};

/// A pod without a node for so long is not just about to get one.
const PENDING: Duration = Duration::from_mins(1);
/// Between two tests of one pod through the public path.
const SELF_TEST_RETRY: Duration = Duration::from_secs(30);

/// What is to be done next with a claimed node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Take its label away, which ends its pod.
    Release,
    /// Wait until its pod has drained and is gone.
    ConfirmGone,
    /// Give it its new label.
    Assign,
    /// See that it serves.
    Verify,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Release => "Release",
            Self::ConfirmGone => "ConfirmGone",
            Self::Assign => "Assign",
            Self::Verify => "Verify",
        })
    }
}

pub(crate) fn step(node: &Node, claim: &Claim) -> Step {
    match &node.label {
        Some(label) if Some(label) == claim.to.as_ref() => Step::Verify,
        Some(_) => Step::Release,
        None if node.pods.is_empty() => Step::Assign,
        None => Step::ConfirmGone,
    }
}

/// The node went away between its release and its assignment, for longer than a
/// handoff takes: it is no damage of the rollout, and holds up nobody.
pub(crate) fn is_lost(situation: &Situation<'_>, name: &str, claim: &Claim) -> bool {
    let Some(node) = situation.observed.nodes.get(name) else { return false };
    let is_away = match step(node, claim) {
        Step::ConfirmGone => true,
        Step::Assign => node.presence != Presence::Ready,
        Step::Release | Step::Verify => false,
    };
    is_away && is_overdue(situation, claim)
}

fn deadline(situation: &Situation<'_>, claim: &Claim) -> Time {
    claim.since + situation.desired.handoff_deadline()
}

fn is_overdue(situation: &Situation<'_>, claim: &Claim) -> bool {
    situation.now >= deadline(situation, claim)
}

/// Takes every claimed node one step further.
pub(crate) fn advance(situation: &Situation<'_>, draft: &mut Draft) {
    let budgets = Budgets::of(situation, &draft.ledger);
    for (name, claim) in draft.ledger.claims.clone() {
        let present = situation.observed.nodes.get(&name).filter(|node| {
            node.uid == claim.uid && !matches!(node.presence, Presence::Vanished { .. })
        });
        let Some(node) = present else {
            unclaim(draft, &name, Reason::NodeVanished);
            continue;
        };
        if node.label.as_ref().is_some_and(|label| !situation.desired.owns(label)) {
            unclaim(draft, &name, Reason::OwnedByOtherFleet);
            continue;
        }
        let handoff = Handoff { situation, budgets: &budgets, name: &name, node, claim: &claim };
        handoff.count_rows(draft);
        let step = step(node, &claim);
        match (step, &claim.to) {
            (Step::Assign, _) if node.maintenance().is_some() => {
                unclaim(draft, &name, Reason::Drained);
            }
            // The person's word releases it; see `maintenance`.
            _ if node.maintenance().is_some() => {}
            (Step::Release, _) => handoff.release(draft),
            (Step::ConfirmGone, _) => handoff.confirm_gone(draft),
            (Step::Assign, Some(to)) => handoff.assign(draft, to),
            (Step::Assign, None) => {
                let reason = situation.verdict(&name).wait().map(|wait| wait.reason);
                unclaim(draft, &name, reason.unwrap_or(Reason::NotSelected));
            }
            (Step::Verify, Some(to)) => handoff.verify(draft, to),
            (Step::Verify, None) => {}
        }
    }
}

fn unclaim(draft: &mut Draft, node: &str, reason: Reason) {
    draft.change(Change::Unclaim { node: node.to_owned(), reason });
}

struct Handoff<'a> {
    situation: &'a Situation<'a>,
    budgets: &'a Budgets,
    name: &'a str,
    node: &'a Node,
    claim: &'a Claim,
}

impl Handoff<'_> {
    fn count_rows(&self, draft: &mut Draft) {
        let Some(drain) = self.node.own_record().and_then(|record| record.last_drain.as_ref())
        else {
            return;
        };
        let rows = drain.unflushed_rows.unwrap_or(0);
        let is_told =
            draft.ledger.rows_lost.iter().any(|lost| lost.node == self.name && lost.at >= drain.at);
        if rows > 0 && drain.at >= self.claim.since && !is_told {
            draft.change(Change::LoseRows { node: self.name.to_owned(), rows });
        }
    }

    fn release(&self, draft: &mut Draft) {
        let Some(label) = &self.node.label else { return };
        let rollout = &self.situation.desired.rollout;
        let has_failed = draft.ledger.failure(self.name, label, rollout.resumed_at).is_some();
        if !has_failed {
            if let Err(reason) = self.may_release(draft) {
                unclaim(draft, self.name, reason);
                return;
            }
            if let Some(to) = &self.claim.to {
                match prove::proof(self.node, to) {
                    Proof::Passed => {}
                    Proof::Failed(..) => {
                        unclaim(draft, self.name, Reason::ProbeFailed);
                        return;
                    }
                    Proof::Running | Proof::Missing => {
                        prove::probe(draft, self.name, self.node, to);
                        let message = format!("whether `{to}` starts on it is being found out");
                        draft.wait(self.name, Wait::new(Reason::Probing, message));
                        return;
                    }
                }
            }
        }
        draft.actions.push(Action::Release {
            node: self.name.to_owned(),
            fence: self.situation.fence(self.node),
        });
        draft.wait(self.name, Wait::new(Reason::Claimed, format!("`{label}` is to leave it")));
    }

    /// Whether what the claim rests on still holds: as long as the pod serves, it
    /// is given up without harm.
    fn may_release(&self, draft: &Draft) -> Result<(), Reason> {
        let situation = self.situation;
        let course = &situation.course;
        let blocked = stops::unusable(self.node)
            .or_else(|| stops::halt(situation, &draft.ledger, self.budgets))
            .or_else(|| stops::ingest(self.node));
        if let Some(wait) = blocked {
            return Err(wait.reason);
        }
        let Some(to) = &self.claim.to else {
            let is_out = candidates::is_to_be_empty(situation, self.name, self.node);
            return if is_out { Ok(()) } else { Err(Reason::NotWanted) };
        };
        if !situation.qualifies(self.name, self.node) {
            let wait = situation.verdict(self.name).wait();
            return Err(wait.map_or(Reason::NotSelected, |wait| wait.reason));
        }
        if *to == course.target {
            return stops::hold(situation, &draft.ledger).map_or(Ok(()), |wait| Err(wait.reason));
        }
        if course.home() == Some(to) { Ok(()) } else { Err(Reason::NotWanted) }
    }

    fn confirm_gone(&self, draft: &mut Draft) {
        let deadline = deadline(self.situation, self.claim);
        let wait = if is_overdue(self.situation, self.claim) {
            let message = "its pod should have ended and is still there; bring the node back, or \
                           delete it";
            Wait::new(Reason::NodeLost, message)
        } else {
            Wait::new(Reason::Draining, "its pod drains").until(deadline)
        };
        draft.wait(self.name, wait);
    }

    fn assign(&self, draft: &mut Draft, to: &Revision) {
        let situation = self.situation;
        let is_overdue = is_overdue(situation, self.claim);
        if self.node.presence != Presence::Ready {
            let deadline = deadline(situation, self.claim);
            let wait = if is_overdue {
                Wait::new(Reason::NodeLost, "it is not ready since its pod left")
            } else {
                Wait::new(Reason::NodeNotReady, "the node is not ready").until(deadline)
            };
            draft.wait(self.name, wait);
            return;
        }
        if is_overdue {
            draft.change(Change::Renew { node: self.name.to_owned() });
            return;
        }
        if !situation.qualifies(self.name, self.node) {
            let wait = situation.verdict(self.name).wait().filter(|_| self.node.is_selected);
            match wait {
                Some(wait) if *situation.verdict(self.name) == Qualified::Awaiting => {
                    draft.wait(self.name, wait);
                }
                Some(wait) => unclaim(draft, self.name, wait.reason),
                None => unclaim(draft, self.name, Reason::NotSelected),
            }
            return;
        }
        if let Some(other) = self.redirect(draft, to) {
            draft.change(Change::Turn { node: self.name.to_owned(), to: other });
            return;
        }
        let has_daemon_set =
            situation.observed.revisions.get(to).is_some_and(|record| record.has_daemon_set);
        draft.wait(self.name, Wait::new(Reason::Starting, format!("it is to get `{to}`")));
        // `revisions` makes it first.
        if has_daemon_set {
            draft.actions.push(Action::Assign {
                node: self.name.to_owned(),
                fence: situation.fence(self.node),
                revision: to.clone(),
            });
        }
    }

    /// What an empty node is to get instead of what it was claimed for.
    fn redirect(&self, draft: &Draft, to: &Revision) -> Option<Revision> {
        let course = &self.situation.course;
        let is_known =
            |revision: &Revision| self.situation.observed.revisions.contains_key(revision);
        let is_good = Some(to) == course.home()
            || (*to == course.target && stops::stop(self.situation, &draft.ledger).is_none());
        if is_good && is_known(to) {
            return None;
        }
        let instead = course.home().unwrap_or(&course.target);
        (instead != to && is_known(instead)).then(|| instead.clone())
    }

    fn verify(&self, draft: &mut Draft, to: &Revision) {
        let pod = self.node.pods.iter().find(|pod| pod.revision == *to && !pod.is_terminating);
        match self.judge(pod, to) {
            Verification::Serves => unclaim(draft, self.name, Reason::Verified),
            Verification::Waits(wait) => draft.wait(self.name, wait),
            Verification::NeedsTest(pod) => self.test(draft, pod),
            Verification::Failed(reason, message) => {
                rollback::fail(self.situation, draft, self.name, to, reason, message);
            }
        }
    }

    fn judge<'p>(&self, pod: Option<&'p Pod>, to: &Revision) -> Verification<'p> {
        let situation = self.situation;
        let deadline = deadline(situation, self.claim);
        let is_overdue = is_overdue(situation, self.claim);
        let Some(pod) = pod else {
            let message = format!("no pod of `{to}` has come");
            return if is_overdue {
                Verification::Failed(Reason::NotReadyInTime, message)
            } else {
                Verification::Waits(Wait::new(Reason::Starting, message).until(deadline))
            };
        };
        let Readiness::Ready { since } = pod.readiness else {
            if let Some(failure) = &pod.failure {
                return Verification::Failed(Reason::StartFailed, failure.clone());
            }
            let is_pending = pod.is_unscheduled && pod.created_at + PENDING <= situation.now;
            let (reason, message) = if is_pending {
                (Reason::Unschedulable, format!("the pod of `{to}` finds no room on the node"))
            } else {
                (Reason::Starting, format!("the pod of `{to}` is not ready"))
            };
            return if is_overdue {
                Verification::Failed(Reason::NotReadyInTime, message)
            } else {
                Verification::Waits(Wait::new(reason, message).until(deadline))
            };
        };
        // From here on it is not late: whoever plans may have been away.
        let ready_for_long = since + situation.desired.rollout.min_ready;
        if ready_for_long > situation.now {
            let message = format!("the pod of `{to}` has been ready since {since}");
            return Verification::Waits(Wait::new(Reason::Starting, message).until(ready_for_long));
        }
        if !situation.desired.rollout.requires_self_test {
            return Verification::Serves;
        }
        match &pod.self_test {
            SelfTest::Passed => Verification::Serves,
            SelfTest::NotRun => Verification::NeedsTest(pod),
            SelfTest::Running => {
                let message = "a test through the public path runs";
                Verification::Waits(Wait::new(Reason::SelfTesting, message))
            }
            SelfTest::Failed { message, .. } if is_overdue => {
                Verification::Failed(Reason::SelfTestFailed, message.clone())
            }
            SelfTest::Failed { at, message } => {
                let retry = *at + SELF_TEST_RETRY;
                if retry <= situation.now {
                    return Verification::NeedsTest(pod);
                }
                let message = format!("a test through the public path failed: {message}");
                Verification::Waits(Wait::new(Reason::SelfTesting, message).until(retry))
            }
        }
    }

    /// One station is tested at a time, as tests share their way out.
    fn test(&self, draft: &mut Draft, pod: &Pod) {
        // What ends takes its tests with it, also where nobody hears of that any more.
        let runs = |pod: &Pod| pod.self_test == SelfTest::Running && !pod.is_terminating;
        let is_busy = self.situation.nodes().any(|(_, node)| node.pods.iter().any(runs))
            || draft.actions.iter().any(|action| matches!(action, Action::SelfTest { .. }));
        let message = "a test through the public path is to show that it serves";
        draft.wait(self.name, Wait::new(Reason::SelfTesting, message));
        if !is_busy {
            let (node, pod) = (self.name.to_owned(), pod.uid.clone());
            draft.actions.push(Action::SelfTest { node, pod });
        }
    }
}

/// What is seen of a station that was just assigned.
enum Verification<'p> {
    Serves,
    Waits(Wait),
    NeedsTest(&'p Pod),
    Failed(Reason, String),
}
