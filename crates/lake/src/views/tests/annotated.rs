//! The tables with the columns of annotation that the views name and the tables
//! of `trigpoint-record` do not have yet.

use std::sync::LazyLock;

use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS, STATIONS, TRACES};
use trigpoint_record::{Column, Kind, Table, Value};

/// Of one end: what it is called after `client_` or `server_`.
const END: [(&str, Kind); 17] = [
    ("continent_code", Kind::Text),
    ("country_code", Kind::Text),
    ("country_code3", Kind::Text),
    ("country_name", Kind::Text),
    ("subdivision1_iso_code", Kind::Text),
    ("subdivision1_name", Kind::Text),
    ("subdivision2_iso_code", Kind::Text),
    ("subdivision2_name", Kind::Text),
    ("metro_code", Kind::Int),
    ("city", Kind::Text),
    ("postal_code", Kind::Text),
    ("latitude", Kind::Float),
    ("longitude", Kind::Float),
    ("accuracy_radius_km", Kind::Int),
    ("network_cidr", Kind::Text),
    ("asn", Kind::Int),
    ("as_name", Kind::Text),
];

/// Of the router that answered a probe.
const HOP: [(&str, Kind); 3] =
    [("reply_country_code", Kind::Text), ("reply_asn", Kind::Int), ("reply_as_name", Kind::Text)];

/// Ids that no column has.
const FIRST_ID: u32 = 5000;

pub(super) static ANNOTATED_SPEED_TESTS: LazyLock<&Table> = LazyLock::new(|| ends(&SPEED_TESTS));
pub(super) static ANNOTATED_FLOWS: LazyLock<&Table> = LazyLock::new(|| ends(&FLOWS));
pub(super) static ANNOTATED_TRACES: LazyLock<&Table> = LazyLock::new(hops);

/// Every table, in the order of `trigpoint_record::TABLES`.
pub(super) fn tables() -> [&'static Table; 5] {
    [&SNAPSHOTS, *ANNOTATED_FLOWS, *ANNOTATED_SPEED_TESTS, *ANNOTATED_TRACES, &STATIONS]
}

/// Where an end is.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) country_code: &'static str,
    pub(super) region: &'static str,
    pub(super) city: &'static str,
    pub(super) postal_code: &'static str,
    pub(super) asn: i64,
    pub(super) as_name: &'static str,
}

/// The values of both ends, none for what is not known.
pub(super) fn values(client: Option<End>, server: Option<End>) -> Vec<Value> {
    [client, server].into_iter().flat_map(end).collect()
}

fn end(end: Option<End>) -> [Value; 17] {
    let value = |(name, _): (&str, Kind)| match (name, end) {
        ("country_code", Some(end)) => end.country_code.into(),
        ("subdivision1_iso_code", Some(end)) => end.region.into(),
        ("city", Some(end)) => end.city.into(),
        ("postal_code", Some(end)) => end.postal_code.into(),
        ("latitude", Some(_)) => Value::Float(39.29),
        ("longitude", Some(_)) => Value::Float(-76.61),
        ("asn", Some(end)) => Value::Int(end.asn),
        ("as_name", Some(end)) => end.as_name.into(),
        _ => Value::Null,
    };
    END.map(value)
}

fn ends(table: &Table) -> &'static Table {
    let columns = ["client", "server"]
        .into_iter()
        .flat_map(|side| END.map(|(name, kind)| (format!("{side}_{name}"), kind)));
    with(table, table.columns, columns.collect())
}

fn hops() -> &'static Table {
    let mut columns = TRACES.columns.to_vec();
    for column in columns.iter_mut().filter(|column| column.name == "probes") {
        let Kind::List(item) = column.kind else { continue };
        let Kind::Struct(fields) = item.kind else { continue };
        let more = HOP.map(|(name, kind)| (name.to_owned(), kind)).to_vec();
        let fields = with(&TRACES, fields, more).columns;
        column.kind =
            Kind::List(Box::leak(Box::new(Column { kind: Kind::Struct(fields), ..*item })));
    }
    with(&TRACES, &columns, Vec::new())
}

fn with(table: &Table, columns: &[Column], more: Vec<(String, Kind)>) -> &'static Table {
    let more = more.into_iter().zip(FIRST_ID..);
    let more = more.map(|((name, kind), id)| Column::new(id, name.leak(), kind, "", "Annotation."));
    let columns: Vec<_> = columns.iter().copied().chain(more).collect();
    Box::leak(Box::new(Table { name: table.name, doc: table.doc, columns: columns.leak() }))
}
