//! A world as rows of the tables.

use trigpoint_lake::{Group, Lake, Rows, Sent};
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS, TRACES};
use trigpoint_record::{Batch, Column, Kind, Table, Value};

use crate::world::{DAYS, Flaw, Place, Probe, SECOND, Scan, Test, Trace, World};

/// Rows of one batch.
const BATCH: usize = 20_000;

/// Writes all of a world.
pub(crate) async fn write(lake: &Lake, world: &World) {
    let examples = world.examples().map(|test| test.number);
    let of_tests = |table: &'static Table, rows: fn(&Test) -> Vec<Named>| {
        world.tests.iter().flat_map(move |test| {
            let is_example = examples.contains(&test.number);
            rows(test).into_iter().map(move |row| {
                if is_example { whole(table.columns, row) } else { filled(table.columns, row) }
            })
        })
    };
    let of_scans = |table: &'static Table, rows: fn(&Scan) -> Vec<Named>| {
        world.scans.iter().flat_map(rows).map(|row| filled(table.columns, row))
    };
    append(lake, &SNAPSHOTS, "tests", of_tests(&SNAPSHOTS, snapshots_of_test)).await;
    append(lake, &SNAPSHOTS, "scans", of_scans(&SNAPSHOTS, snapshots_of_scan)).await;
    append(lake, &FLOWS, "tests", of_tests(&FLOWS, |test| vec![flow_of_test(test)])).await;
    append(lake, &FLOWS, "scans", of_scans(&FLOWS, |scan| vec![flow_of_scan(scan)])).await;
    let tests = of_tests(&SPEED_TESTS, |test| vec![speed_test(test)]);
    append(lake, &SPEED_TESTS, "tests", tests).await;
    let traces = world.traces().map(|it| whole(TRACES.columns, trace(&it)));
    append(lake, &TRACES, "tests", traces).await;
}

type Named = Vec<(&'static str, Value)>;

async fn append(
    lake: &Lake,
    table: &'static Table,
    spool: &str,
    rows: impl Iterator<Item = Vec<Value>>,
) {
    let mut rows = rows.peekable();
    let mut batches = Vec::new();
    while rows.peek().is_some() {
        let mut batch = Batch::new(table);
        rows.by_ref().take(BATCH).for_each(|row| batch.push(row).unwrap());
        let (seq, count) = (batches.len() as u64 + 1, batch.rows());
        let columns = table.columns.iter().zip(batch.columns);
        let columns = columns.map(|(column, array)| Sent { description: column.into(), array });
        batches.push(Rows::convert(table, spool, seq, count, columns.collect()).unwrap());
    }
    let last_seq = batches.len() as u64;
    let group = Group { app_id: spool.to_owned(), last_seq, rows: batches };
    lake.append(table, vec![group]).await.unwrap();
}

/// Values in the order of their columns; NULL where there is none.
fn filled(columns: &[Column], values: Named) -> Vec<Value> {
    let mut row = vec![Value::Null; columns.len()];
    for (name, value) in values {
        let place = columns.iter().position(|column| column.name == name);
        row[place.unwrap_or_else(|| panic!("there is no column `{name}`"))] = value;
    }
    row
}

/// The same with a value of its own where there is none, so that no two columns can be
/// taken for each other.
fn whole(columns: &[Column], values: Named) -> Vec<Value> {
    let named: Vec<_> = values.iter().map(|(name, _)| *name).collect();
    let mut row = filled(columns, values);
    let mut number = 1000;
    for (column, value) in columns.iter().zip(&mut row) {
        match value {
            Value::List(items) if !items.is_empty() => {}
            Value::Null if named.contains(&column.name) => {}
            _ => complete(column.kind, value, &mut number),
        }
    }
    row
}

fn complete(kind: Kind, value: &mut Value, number: &mut i64) {
    *number += 1;
    match (kind, &mut *value) {
        (Kind::Struct(fields), Value::Struct(values)) => {
            for (field, value) in fields.iter().zip(values) {
                complete(field.kind, value, number);
            }
        }
        (Kind::Struct(fields), Value::Null) => {
            *value = Value::Struct(vec![Value::Null; fields.len()]);
            complete(kind, value, number);
        }
        (Kind::List(item), Value::List(items)) if items.is_empty() => {
            items.push(Value::Null);
            complete(item.kind, &mut items[0], number);
        }
        (Kind::List(_), Value::Null) => {
            *value = Value::List(Vec::new());
            complete(kind, value, number);
        }
        (Kind::Int, Value::Null) => *value = Value::Int(*number),
        (Kind::Float, Value::Null) => *value = Value::Float(*number as f64 + 0.125),
        (Kind::Text, Value::Null) => *value = format!("text {number}").as_str().into(),
        (Kind::Bytes, Value::Null) => *value = Value::Bytes(number.to_le_bytes().to_vec()),
        (Kind::Time, Value::Null) => *value = Value::Time(DAYS[2].1 + *number * SECOND + 1),
        (Kind::Bool, Value::Null) => *value = Value::Bool(true),
        _ => {}
    }
}

/// A struct of a table.
fn structure(kind: Kind, values: Named) -> Value {
    match kind {
        Kind::Struct(fields) => Value::Struct(filled(fields, values)),
        Kind::List(item) => structure(item.kind, values),
        other => panic!("{other:?} has no fields"),
    }
}

fn kind(table: &Table, name: &str) -> Kind {
    let column = table.columns.iter().find(|column| column.name == name);
    column.unwrap_or_else(|| panic!("{} has no column `{name}`", table.name)).kind
}

fn speed_test(test: &Test) -> Named {
    let is_complete = test.bits_per_s.is_some();
    let measured = |value: i64| if is_complete { Value::Int(value) } else { Value::Null };
    let elapsed = match test.flaw {
        Some(Flaw::Short) => 5 * SECOND,
        Some(Flaw::Long) => 61 * SECOND,
        _ => 10 * SECOND,
    };
    let metadata = test.exits_early.then(|| {
        let values = vec![("name", "early_exit".into()), ("value", "250".into())];
        structure(kind(&SPEED_TESTS, "client_metadata"), values)
    });
    let last = is_complete.then(|| structure(kind(&SPEED_TESTS, "last_tcp_info"), tcp_info(test)));
    let mut row = vec![
        ("flow_id", test.id.as_str().into()),
        ("test_id", test.id.as_str().into()),
        ("opened_time", Value::Time(test.start_time - 1000)),
        ("direction", if test.is_download { "download" } else { "upload" }.into()),
        ("protocol", "ndt7".into()),
        ("transport", "wss".into()),
        ("ip_version", Value::Int(if test.client.contains(':') { 6 } else { 4 })),
        ("start_time", Value::Time(test.start_time)),
        ("end_time", Value::Time(test.start_time + elapsed)),
        ("elapsed_us", Value::Int(elapsed)),
        (
            "end_reason",
            match test.flaw {
                Some(Flaw::Error) => "internal_error",
                _ => "completed",
            }
            .into(),
        ),
        ("client_ip", test.client.as_str().into()),
        ("client_port", Value::Int(5000)),
        ("server_ip", "2001:db8:ffff::1".into()),
        ("server_port", Value::Int(443)),
        ("client_metadata", Value::List(metadata.into_iter().collect())),
        ("server_metadata", Value::List(Vec::new())),
        ("server_measurements", Value::List(Vec::new())),
        ("client_measurements", Value::List(Vec::new())),
        ("throughput_bits_per_s", test.bits_per_s.into()),
        ("min_rtt_us", measured(test.min_rtt_us)),
        (
            "retransmission_share",
            Some(test.loss).filter(|_| is_complete && test.is_download).into(),
        ),
        ("last_elapsed_us", measured(elapsed)),
        ("last_tcp_info", last.unwrap_or(Value::Null)),
        ("congestion_control", "cubic".into()),
        ("site", test.site.into()),
        ("machine", "mlab1".into()),
        (
            "arm",
            match (test.flaw, test.number % 2) {
                (Some(Flaw::Canary), _) => "canary".into(),
                (_, 0) => "stable".into(),
                // Without an operator.
                _ => Value::Null,
            },
        ),
    ];
    row.extend(annotation(test.place));
    row
}

fn tcp_info(test: &Test) -> Named {
    vec![
        ("snd_wscale", Value::Int(test.window_scale)),
        ("rcv_wscale", Value::Int(9)),
        ("rtt_us", Value::Int(test.rtt_us)),
        ("rttvar_us", Value::Int(test.rttvar_us)),
        ("min_rtt_us", Value::Int(test.min_rtt_us)),
        ("snd_cwnd_segments", Value::Int(10 + test.window_scale)),
        ("bytes_acked", Value::Int(test.number as i64 * 1000)),
        ("bytes_retrans", Value::Int(test.number as i64)),
        ("total_retrans_segments", Value::Int(test.total_retrans())),
    ]
}

/// Of the client; the servers' is not known.
fn annotation(place: Option<&'static Place>) -> Named {
    let Some(place) = place else { return Vec::new() };
    vec![
        ("client_country_code", place.country.into()),
        ("client_subdivision1_iso_code", place.region.into()),
        ("client_city", place.city.into()),
        ("client_postal_code", place.postal_code.into()),
        ("client_latitude", Value::Float(39.29)),
        ("client_longitude", Value::Float(-76.61)),
        ("client_asn", Value::Int(place.asn)),
        ("client_as_name", place.as_name.into()),
    ]
}

fn flow_of_test(test: &Test) -> Named {
    let mut row = flow(&test.id, test.start_time - 1000, test.place, test.snapshots);
    row.push(("test_id", test.id.as_str().into()));
    row.extend(tcp_info(test));
    row
}

fn flow_of_scan(scan: &Scan) -> Named {
    flow(&scan.id, scan.opened_time, scan.place, scan.snapshots)
}

fn flow(id: &str, opened_time: i64, place: Option<&'static Place>, snapshots: u64) -> Named {
    let mut row = vec![
        ("flow_id", id.into()),
        ("opened_time", Value::Time(opened_time)),
        ("closed_time", Value::Time(opened_time + 11 * SECOND)),
        ("polls_done", Value::Int(snapshots as i64 + 7)),
        ("polls_unchanged", Value::Int(7)),
    ];
    row.extend(annotation(place));
    row
}

fn snapshots_of_test(test: &Test) -> Vec<Named> {
    snapshots(&test.id, test.start_time - 1000, test.snapshots)
}

fn snapshots_of_scan(scan: &Scan) -> Vec<Named> {
    snapshots(&scan.id, scan.opened_time, scan.snapshots)
}

fn snapshots(id: &str, opened_time: i64, count: u64) -> Vec<Named> {
    let snapshot = |n| {
        vec![
            ("flow_id", id.into()),
            ("opened_time", Value::Time(opened_time)),
            ("n", Value::Int(n)),
            ("reply_time", Value::Time(opened_time + 10_000 * n)),
            ("elapsed_us", Value::Int(10_000 * n)),
            ("bytes_acked", Value::Int(1000 * n)),
        ]
    };
    (0..count as i64).map(snapshot).collect()
}

fn trace(trace: &Trace<'_>) -> Named {
    let probes: Vec<_> = trace.probes.iter().map(|it| probe(it, trace.start_time)).collect();
    vec![
        ("flow_id", trace.test.id.as_str().into()),
        ("test_id", trace.test.id.as_str().into()),
        ("opened_time", Value::Time(DAYS[2].1 + 1)),
        ("outcome", "complete".into()),
        ("cached", Value::Bool(false)),
        ("protocol", "udp".into()),
        ("source_ip", "2001:db8:ffff::1".into()),
        ("target_ip", trace.test.client.as_str().into()),
        ("start_time", Value::Time(trace.start_time)),
        ("end_time", Value::Time(trace.start_time + SECOND)),
        ("probe_count", Value::Int(probes.len() as i64)),
        ("nodes", Value::List(Vec::new())),
        ("links", Value::List(Vec::new())),
        ("probes", Value::List(probes)),
        ("machine", "mlab1".into()),
    ]
}

fn probe(probe: &Probe, start_time: i64) -> Value {
    let mut values = vec![
        ("ttl", Value::Int(probe.ttl)),
        ("flow", Value::Int(0)),
        ("purpose", "discovery".into()),
        ("sent_time", Value::Time(start_time + probe.ttl)),
    ];
    if let Some(router) = &probe.router {
        values.extend([
            ("reply_ip", router.address.as_str().into()),
            ("reply", "time_exceeded".into()),
            ("match", "nonce".into()),
            ("rtt_us", Value::Int(probe.rtt_us)),
            ("reply_elapsed_us", Value::Int(probe.rtt_us)),
            ("reply_country_code", "US".into()),
            ("reply_asn", router.asn.map_or(Value::Null, Value::Int)),
            ("reply_as_name", router.asn.map(|asn| format!("AS {asn}")).as_deref().into()),
        ]);
    }
    structure(kind(&TRACES, "probes"), values)
}
