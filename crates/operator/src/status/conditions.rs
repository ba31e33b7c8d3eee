//! Conditions, which say since when they are as they are.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use trigpoint_rollout::Time;

use crate::time;

/// The bound of the definition, in characters.
const LONGEST_MESSAGE: usize = 4096;

/// What one condition says.
pub(super) struct Said {
    pub(super) type_: &'static str,
    /// None: it is not known.
    pub(super) is_true: Option<bool>,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Said {
    pub(super) fn new(
        type_: &'static str,
        is_true: bool,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { type_, is_true: Some(is_true), reason: reason.into(), message: message.into() }
    }

    pub(super) fn unknown(
        type_: &'static str,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { type_, is_true: None, reason: reason.into(), message: message.into() }
    }
}

/// The list that says it, after the list that was there before.
///
/// `restarts` names a reason from which on time counts anew, although the status
/// stays what it was.
pub(super) fn conditions(
    said: Vec<Said>,
    before: &[Condition],
    generation: Option<i64>,
    now: Time,
    restarts: Option<&str>,
) -> Vec<Condition> {
    said.into_iter()
        .map(|said| {
            let status = match said.is_true {
                Some(true) => "True",
                Some(false) => "False",
                None => "Unknown",
            };
            let same = before.iter().find(|condition| {
                condition.type_ == said.type_
                    && condition.status == status
                    && (restarts != Some(&said.reason) || condition.reason == said.reason)
            });
            Condition {
                type_: said.type_.to_owned(),
                status: status.to_owned(),
                observed_generation: generation,
                last_transition_time: same.map_or_else(
                    || time::to_api(now),
                    |condition| condition.last_transition_time.clone(),
                ),
                message: cut(said.message),
                reason: said.reason,
            }
        })
        .collect()
}

/// Whether two lists differ in nothing but figures within their messages: seconds
/// that go by are no news, and writing them would wake the operator to write the
/// next.
pub(super) fn say_the_same(before: &[Condition], after: &[Condition]) -> bool {
    let words = |condition: &Condition| Condition {
        message: condition.message.chars().filter(|c| !c.is_ascii_digit()).collect(),
        ..condition.clone()
    };
    before.len() == after.len()
        && before.iter().zip(after).all(|(before, after)| words(before) == words(after))
}

fn cut(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE - 1) {
        Some((end, _)) if message[end..].chars().count() > 1 => format!("{}…", &message[..end]),
        _ => message,
    }
}
