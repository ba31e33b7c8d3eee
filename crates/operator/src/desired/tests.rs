//! What a person writes is what the planner is asked for.

use std::time::Duration;

use serde_json::{Value, json};
use trigpoint_crd::MeasurementFleet;
use trigpoint_rollout::{Limit, OnFail, Revision, Virtualization, WaveNodes};

use super::desired;

pub(crate) fn fleet(changes: &Value) -> MeasurementFleet {
    let mut object = json!({
        "apiVersion": "trigpoint.dev/v1alpha1",
        "kind": "MeasurementFleet",
        "metadata": {"name": "stations", "namespace": "measurement", "uid": "fleet-uid"},
        "spec": {
            "nodeSelector": {"matchLabels": {"station": "true"}},
            "template": {"image": "example.org/trigpoint:1"},
            "network": {"profile": "service"},
            "drain": {"lameDuck": "35s", "maxTest": "15s", "flush": "1m"},
            "rollout": {"waves": [
                {"name": "canary", "nodes": {"matchLabels": {"canary": "true"}}},
                {"name": "everywhere", "percent": 100, "maxParallel": 4, "bake": "0s"},
            ]},
        },
    });
    merge(&mut object["spec"], changes);
    serde_json::from_value(object).unwrap()
}

fn merge(into: &mut Value, changes: &Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(into.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
        (into, changes) => *into = changes.clone(),
    }
}

#[test]
fn defaults_and_what_is_written_arrive() {
    let wanted = desired(&fleet(&json!({})), Revision::new("stations-0123456789")).unwrap();
    assert_eq!(wanted.fleet, "stations");
    assert_eq!(wanted.drain_grace, Duration::from_secs(115));
    assert_eq!(wanted.target().as_str(), "stations-0123456789");
    assert_eq!(wanted.rollout.max_unavailable, Limit::Count(1));
    assert_eq!(wanted.rollout.max_lost, Limit::Percent(10));
    assert!(wanted.rollout.requires_self_test);
    assert_eq!(wanted.rollout.waves[0].nodes, WaveNodes::Selected);
    assert_eq!(wanted.rollout.waves[1].nodes, WaveNodes::Percent(100));
    assert_eq!(wanted.rollout.waves[1].max_parallel, 4);
    assert_eq!(wanted.qualification.virtualization, Virtualization::Any);
    assert_eq!(wanted.qualification.on_fail, OnFail::Exclude);
}

#[test]
fn bare_metal_only_is_told_from_a_list() {
    let rules = |kinds: Value| {
        let fleet = fleet(&json!({"qualification": {"allowedVirtualization": kinds}}));
        desired(&fleet, Revision::new("stations-0123456789")).unwrap().qualification.virtualization
    };
    assert_eq!(rules(json!(["none"])), Virtualization::BareMetalOnly);
    assert_eq!(rules(json!(["kvm"])), Virtualization::AllowList(vec!["kvm".to_owned()]));
}

#[test]
fn a_window_until_midnight_ends_on_the_next_day() {
    let window =
        json!({"days": ["Mon"], "start": "22:00", "end": "24:00", "timeZone": "Asia/Tokyo"});
    let fleet = fleet(&json!({"rollout": {"windows": [window]}}));
    let window = &desired(&fleet, Revision::new("stations-0123456789")).unwrap().rollout.windows[0];
    assert!(window.end <= window.start);
    assert_eq!(window.time_zone, chrono_tz::Asia::Tokyo);
}

#[test]
fn what_the_definition_cannot_refuse_is_told_with_its_place() {
    let window =
        json!({"days": ["Mon"], "start": "22:00", "end": "24:00", "timeZone": "Mars/Olympus"});
    let fleet = fleet(&json!({"rollout": {"windows": [window]}}));
    let error = desired(&fleet, Revision::new("stations-0123456789")).unwrap_err();
    assert!(error.to_string().contains("`Mars/Olympus` in rollout.windows"), "{error}");
}
