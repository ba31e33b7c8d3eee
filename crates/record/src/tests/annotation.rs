use crate::tables::annotation::Missing;
use crate::{Column, Kind, TABLES, table};

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
