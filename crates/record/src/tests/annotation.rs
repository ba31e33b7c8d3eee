use crate::tables::annotation::{
    self, CLIENT, DATABASES, End, Geography, HOP, Missing, Network, SERVER, Source, Sources,
};
use crate::{Array, Column, Kind, Privacy, TABLES, Value, table};

/// What M-Lab's annotations say of an end, and what the views read.
const END: [(&str, &str); 17] = [
    ("continent_code", "text"),
    ("country_code", "text"),
    ("country_code3", "text"),
    ("country_name", "text"),
    ("subdivision1_iso_code", "text"),
    ("subdivision1_name", "text"),
    ("subdivision2_iso_code", "text"),
    ("subdivision2_name", "text"),
    ("metro_code", "int"),
    ("city", "text"),
    ("postal_code", "text"),
    ("latitude", "float"),
    ("longitude", "float"),
    ("accuracy_radius_km", "int"),
    ("network_cidr", "text"),
    ("asn", "int"),
    ("as_name", "text"),
];

#[test]
fn tests_and_flows_have_the_same_annotation_of_both_ends() {
    for name in ["speed_tests", "flows"] {
        let columns = table(name).unwrap().columns;
        for end in ["client", "server"] {
            for (column, kind) in END {
                let wanted = format!("{end}_{column}");
                let found = columns.iter().find(|column| column.name == wanted).unwrap();
                assert_eq!(found.kind.name(), kind, "{name}.{wanted}");
                assert!(found.at_ingest, "{name}.{wanted}");
            }
        }
    }
}

#[test]
fn a_reason_is_explained_where_it_stands() {
    for name in ["speed_tests", "flows"] {
        let columns = table(name).unwrap().columns.iter();
        let reasons: Vec<_> = columns.filter(|column| column.name.ends_with("_missing")).collect();
        assert_eq!(reasons.len(), 4);
        for column in reasons.into_iter().filter(|column| column.at_ingest) {
            for missing in Missing::ALL {
                assert!(column.doc.contains(missing.name()), "{name}.{}", column.name);
            }
        }
    }
}

fn at_ingest(path: &str, columns: &[Column], found: &mut Vec<String>) {
    for column in columns {
        let path = format!("{path}.{}", column.name);
        match column.kind {
            _ if column.at_ingest => found.push(path),
            Kind::List(item) => at_ingest(&path, std::slice::from_ref(item), found),
            Kind::Struct(fields) => at_ingest(&path, fields, found),
            _ => {}
        }
    }
}

#[test]
fn only_annotation_is_filled_at_ingest() {
    for table in TABLES {
        let mut found = Vec::new();
        at_ingest(table.name, table.columns, &mut found);
        match table.name {
            "speed_tests" | "flows" => assert_eq!(found.len(), 2 * (END.len() + 2) + 4),
            "traces" => assert_eq!(
                found,
                [
                    "traces.probes.item.reply_country_code",
                    "traces.probes.item.reply_asn",
                    "traces.probes.item.reply_as_name",
                    "traces.geography_database",
                    "traces.geography_database_build_time",
                    "traces.network_database",
                    "traces.network_database_build_time",
                ]
            ),
            _ => assert_eq!(found, [""; 0], "{}", table.name),
        }
    }
}

#[test]
fn the_ends_of_a_table_are_columns_that_hold_addresses() {
    for table in TABLES {
        let has = |name| table.columns.iter().any(|column| column.name == name);
        let Some([client, server]) = annotation::addresses(table) else {
            assert!(!has("client_asn") && !has("server_asn"), "{}", table.name);
            continue;
        };
        let client = table.columns.iter().find(|column| column.name == client).unwrap();
        assert_eq!(client.privacy, Privacy::Addresses, "{}", table.name);
        assert!(has(server) && has("client_asn") && has("server_asn"), "{}", table.name);
    }
}

/// By name, after they were stored in the columns.
fn stored(columns: &'static [Column], values: impl Iterator<Item = Value>) -> Vec<(String, Value)> {
    let values: Vec<_> = values.collect();
    assert_eq!(values.len(), columns.len());
    let store = |(column, value): (&Column, Value)| {
        Array::new(column.kind).push(column, value.clone()).unwrap();
        (column.name.to_owned(), value)
    };
    columns.iter().zip(values).map(store).filter(|(_, value)| *value != Value::Null).collect()
}

#[test]
fn an_end_fills_the_columns_of_both_ends_and_of_a_hop() {
    let geography = Geography {
        country_code: Some("GB".to_owned()),
        latitude: Some(51.75),
        accuracy_radius_km: Some(20),
        ..Geography::default()
    };
    let network = Network { cidr: Some("81.2.64.0/20".to_owned()), asn: 20_712, as_name: None };
    let end = End { geography: Ok(geography), network: Ok(network) };
    let expected = |end: &str| {
        [
            (format!("{end}_country_code"), "GB".into()),
            (format!("{end}_latitude"), Value::Float(51.75)),
            (format!("{end}_accuracy_radius_km"), Value::Int(20)),
            (format!("{end}_network_cidr"), "81.2.64.0/20".into()),
            (format!("{end}_asn"), Value::Int(20_712)),
        ]
    };
    assert_eq!(stored(CLIENT, end.values()), expected("client"));
    assert_eq!(stored(SERVER, end.values()), expected("server"));
    let hop = [("reply_country_code", "GB".into()), ("reply_asn", Value::Int(20_712))];
    assert_eq!(stored(HOP, end.hop_values()), hop.map(|(name, value)| (name.to_owned(), value)));

    let end = End { geography: Err(Missing::NoDatabase), network: Err(Missing::NotFound) };
    let missing =
        [("client_geography_missing", "no_database"), ("client_network_missing", "not_found")];
    let missing = missing.map(|(name, word)| (name.to_owned(), word.into()));
    assert_eq!(stored(CLIENT, end.values()), missing);
    assert!(stored(HOP, end.hop_values()).is_empty());
}

#[test]
fn databases_are_named_with_their_age() {
    let network = Source { name: "GeoLite2-ASN".to_owned(), build_time: Some(7) };
    let sources = Sources { geography: None, network: Some(network) };
    let named = [
        ("network_database".to_owned(), "GeoLite2-ASN".into()),
        ("network_database_build_time".to_owned(), Value::Time(7)),
    ];
    assert_eq!(stored(DATABASES, sources.values()), named);
}
