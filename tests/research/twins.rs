//! Whole rows of each view, with a value in nearly every column: the same in both engines.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Found;
use crate::cell::{CLOSE, microseconds};
use crate::world::{TODAY, World};

/// The views, what is asked of each, and in which order.
const VIEWS: [(&str, &str, &str); 17] = [
    ("ndt_intermediate.ndt7_tests", "*", "id"),
    ("ndt.ndt7", "*", "id"),
    ("ndt.ndt7_union", "*", "id"),
    ("ndt_raw.ndt7", "*", "id"),
    ("ndt_intermediate.extended_ndt7_downloads", "*", "id"),
    ("ndt_intermediate.extended_ndt7_uploads", "*", "id"),
    ("ndt.unified_downloads", "*", "id"),
    ("ndt.unified_uploads", "*", "id"),
    ("ndt_raw.annotation2", "*", "id"),
    ("ndt.annotation2", "*", "id"),
    ("ndt.tcpinfo", "id, a, parser, date, server, client, SnapshotCount", "id"),
    ("ndt_raw.tcpinfo", "id, a, parser, date", "id"),
    ("ndt_raw.scamper1", TRACE, "id"),
    ("ndt.scamper1", "id, date, parser, server, client", "id"),
    ("ndt.hops", "*", "id, ttl"),
    ("ndt_raw.hopannotation2", "*", "id"),
    ("ndt.snapshots_flat", "*", "id, n"),
];

/// All but the nodes, which Spark's view has not.
const TRACE: &str = "id, parser, date, raw.Metadata, raw.CycleStart, raw.CycleStop, \
    raw.Tracelb.type, raw.Tracelb.version, raw.Tracelb.userid, raw.Tracelb.method, \
    raw.Tracelb.src, raw.Tracelb.dst, raw.Tracelb.start, raw.Tracelb.probe_size, \
    raw.Tracelb.firsthop, raw.Tracelb.attempts, raw.Tracelb.confidence, raw.Tracelb.tos, \
    raw.Tracelb.gaplimit, raw.Tracelb.wait_timeout, raw.Tracelb.wait_probe, \
    raw.Tracelb.probec, raw.Tracelb.probec_max, raw.Tracelb.nodec, raw.Tracelb.linkc";

/// A view and SQL for some of its rows, which both engines understand.
pub(crate) fn questions(world: &World) -> Vec<(&'static str, String)> {
    let ids = world.examples().map(|test| format!("'{}'", test.id)).join(", ");
    let question = |(view, columns, order): (&'static str, &str, &str)| {
        let rows = match view {
            "ndt_raw.hopannotation2" => format!("date = '{TODAY}'"),
            _ => format!("id IN ({ids})"),
        };
        (view, format!("SELECT {columns} FROM {view} WHERE {rows} ORDER BY {order}"))
    };
    VIEWS.into_iter().map(question).collect()
}

/// What differs between the answers.
pub(crate) fn fault(
    view: &str,
    ours: &Result<Found, String>,
    theirs: &Result<Found, String>,
) -> Option<String> {
    let fault = match (ours, theirs) {
        (Err(refused), _) | (_, Err(refused)) => Some(refused.clone()),
        (Ok(ours), Ok(_)) if ours.rows.is_empty() => Some("there is no row".to_owned()),
        (Ok(ours), Ok(theirs)) if ours.shape != theirs.shape => {
            Some(format!("{} and in Spark {}", ours.shape, theirs.shape))
        }
        (Ok(ours), Ok(theirs)) => {
            difference(&Value::from(ours.rows.clone()), &Value::from(theirs.rows.clone()))
        }
    };
    let fault = format!("{view}: {}", fault?);
    println!("{fault}");
    Some(fault)
}

/// Where two values differ, and how.
fn difference(ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(fields), Value::Object(others)) => {
            let names: BTreeSet<_> = fields.keys().chain(others.keys()).collect();
            names.into_iter().find_map(|name| {
                let fault = difference(&ours[name], &theirs[name])?;
                Some(format!("{name}.{fault}"))
            })
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let mut pairs = items.iter().zip(others).enumerate();
            pairs.find_map(|(at, (ours, theirs))| {
                Some(format!("{at}.{}", difference(ours, theirs)?))
            })
        }
        _ if is_same(ours, theirs) => None,
        _ => Some(format!(" {ours} and in Spark {theirs}")),
    }
}

fn is_same(ours: &Value, theirs: &Value) -> bool {
    if ours == theirs {
        return true;
    }
    match (ours, theirs) {
        (Value::String(ours), Value::String(theirs)) => {
            let [ours, theirs] = [ours, theirs].map(|text| microseconds(text));
            ours.is_some() && ours == theirs
        }
        (Value::Number(ours), Value::Number(theirs)) => {
            let are_integers = ours.is_i64() && theirs.is_i64();
            let [Some(ours), Some(theirs)] = [ours, theirs].map(serde_json::Number::as_f64) else {
                return false;
            };
            !are_integers && (ours - theirs).abs() <= CLOSE * ours.abs()
        }
        _ => false,
    }
}
