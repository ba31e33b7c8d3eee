//! What a test changes in an object.

use serde_json::Value;

/// Puts `changes` into an object: member by member where both have members, else
/// instead of what was there.  Unlike a JSON merge patch, null is a value.
pub fn merge(into: &mut Value, changes: &Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(into.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
        (into, changes) => *into = changes.clone(),
    }
}
