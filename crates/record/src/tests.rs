use std::collections::BTreeSet;

use trigpoint_tcpinfo::FIELDS;

use crate::{Batch, Column, INGEST_COLUMNS, Kind, Privacy, TABLES, Value, table};

mod annotation;
mod rows;
mod traces;

/// Calls `check` on every list of sibling columns, with its path.
fn each_siblings(path: &str, columns: &[Column], check: &mut impl FnMut(&str, &[Column])) {
    check(path, columns);
    for column in columns {
        let path = format!("{path}.{}", column.name);
        match column.kind {
            Kind::List(item) => each_siblings(&path, std::slice::from_ref(item), check),
            Kind::Struct(fields) => each_siblings(&path, fields, check),
            _ => {}
        }
    }
}

fn each_siblings_of_all_tables(mut check: impl FnMut(&str, &[Column])) {
    for table in TABLES {
        each_siblings(table.name, table.columns, &mut check);
    }
}

#[test]
fn ids_and_names_are_unique_among_siblings() {
    each_siblings_of_all_tables(|path, columns| {
        let ids: BTreeSet<_> = columns.iter().map(|column| column.id).collect();
        assert_eq!(ids.len(), columns.len(), "{path}: an id is used twice");
        let names: BTreeSet<_> = columns.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), columns.len(), "{path}: a name is used twice");
    });
}

#[test]
fn what_the_collector_adds_collides_with_nothing_that_stations_send() {
    for added in INGEST_COLUMNS {
        for table in TABLES {
            assert!(
                table.columns.iter().all(|sent| sent.name != added.name && sent.id != added.id)
            );
        }
    }
}

#[test]
fn every_unit_can_be_read_off_the_name() {
    each_siblings_of_all_tables(|path, columns| {
        for column in columns {
            let words: Vec<_> = column.name.split('_').collect();
            let fits = match column.unit {
                "us" if matches!(column.kind, Kind::Time) => words.contains(&"time"),
                "us" => words.contains(&"us"),
                "ms" => words.contains(&"ms"),
                "km" => words.contains(&"km"),
                "bytes" => words.contains(&"bytes"),
                "bytes/s" => column.name.ends_with("_bytes_per_s"),
                "probes/s" => column.name.ends_with("probes_per_s"),
                "bits/s" => column.name.ends_with("_bits_per_s"),
                "segments" => words.contains(&"segments") || words.contains(&"segs"),
                // Their docs say what is counted, shifted or scaled.
                "count" | "bits to shift" | "fixed point" | "degrees" => true,
                "" => !words.iter().any(|word| {
                    ["us", "ms", "km", "bytes", "segments"].contains(word)
                        && !matches!(column.kind, Kind::Bytes)
                }),
                other => panic!("{path}.{}: unknown unit {other}", column.name),
            };
            assert!(fits, "{path}.{} has unit {:?}", column.name, column.unit);
        }
    });
}

#[test]
fn every_column_is_explained_in_a_sentence() {
    each_siblings_of_all_tables(|path, columns| {
        for column in columns {
            assert!(column.doc.ends_with('.'), "{path}.{}: {:?}", column.name, column.doc);
            let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
            assert!(column.name.bytes().all(plain), "{path}.{}", column.name);
        }
    });
}

/// Where a client's address can get in.  A new column of text or bytes that
/// comes from outside belongs here.
#[test]
fn columns_that_may_hold_addresses_of_clients_are_marked() {
    let mut marked = Vec::new();
    each_siblings_of_all_tables(|path, columns| {
        marked.extend(columns.iter().filter_map(|column| match column.privacy {
            Privacy::Open => None,
            Privacy::Addresses => Some(format!("{path}.{}", column.name)),
            Privacy::AddressesNear(client) => Some(format!("{path}.{} near {client}", column.name)),
        }));
    });
    assert_eq!(
        marked,
        [
            "snapshots.undecoded_attributes.item.bytes",
            "flows.remote_ip",
            "speed_tests.end_detail",
            "speed_tests.client_ip",
            "speed_tests.client_name",
            "speed_tests.client_version",
            "speed_tests.client_library_name",
            "speed_tests.client_library_version",
            "speed_tests.client_os",
            "speed_tests.client_arch",
            "speed_tests.client_metadata",
            "speed_tests.server_measurements.item.json",
            "speed_tests.client_measurements.item.json",
            "traces.outcome_detail",
            "traces.target_ip",
            "traces.nodes.item.ip near target_ip",
            "traces.probes.item.reply_ip near target_ip",
        ]
    );
}

/// A column that is cut by another one's client needs that one, cut as well.
#[test]
fn the_client_whom_a_column_names_is_marked_text() {
    for table in TABLES {
        each_siblings(table.name, table.columns, &mut |path, columns| {
            for column in columns {
                let Privacy::AddressesNear(client) = column.privacy else { continue };
                let client = table.columns.iter().find(|other| other.name == client);
                let is_cut = client.is_some_and(|client| {
                    matches!(client.kind, Kind::Text) && client.privacy == Privacy::Addresses
                });
                assert!(is_cut, "{path}.{}", column.name);
            }
        });
    }
}

#[test]
fn nothing_is_nested_deeper_than_the_wire_allows() {
    each_siblings_of_all_tables(|path, _| {
        assert!(path.split('.').count() <= 4, "{path} has columns at depth 5");
    });
}

/// The ids of kernel fields are on the wire and in `unmapped`: ABI for ever.
#[test]
fn every_field_of_tcp_info_is_a_column_with_the_id_of_its_offset() {
    for name in ["snapshots", "flows"] {
        let columns = table(name).unwrap().columns;
        for field in FIELDS {
            let column = columns.iter().find(|column| column.name == field.name).unwrap();
            assert_eq!(column.id, 1000 + u32::from(field.bit_offset));
            assert!(column.doc.contains(&format!("Since Linux {}.", field.since)));
        }
        let id_of = |name| columns.iter().find(|column| column.name == name).unwrap().id;
        assert_eq!(id_of("min_rtt_us"), 1000 + 148 * 8);
        assert_eq!(id_of("rcv_wscale"), 1000 + 52);
    }
}

/// What the lake partitions and sorts by.
#[test]
fn every_table_knows_its_date_and_its_order() {
    for table in TABLES {
        let named = |name: &str| table.columns.iter().any(|column| column.name == name);
        let time = if named("flow_id") { "opened_time" } else { "time" };
        let first = table.columns.iter().find(|column| matches!(column.kind, Kind::Time)).unwrap();
        assert_eq!(first.name, time, "{}", table.name);
        assert!(named("site"));
    }
    assert!(table("snapshots").unwrap().columns.iter().any(|column| column.name == "n"));
    assert!(table("no_such_table").is_none());
}

#[test]
fn a_value_of_the_wrong_kind_is_refused() {
    let mut batch = Batch::new(table("stations").unwrap());
    let mut row = vec![Value::Null; batch.table.columns.len()];
    row[0] = Value::Text("noon".into());
    let error = batch.push(row).unwrap_err();
    assert_eq!(error.to_string(), "value of kind text does not fit column `time` of kind time");
}
