use proptest::prelude::*;
use prost::Message as _;
use trigpoint_record::{Array, Batch, Column, Kind, Table, Value, Values};

use super::arbitrary;
use crate::{DEPTH, Limits, SchemaError, check_schema, decode, encode, ingest, rows, schema};

proptest! {
    #[test]
    fn every_batch_comes_back_as_it_was(batch in arbitrary::batch()) {
        let schema = schema(batch.table);
        prop_assert!(check_schema(std::slice::from_ref(&schema), 1000).is_ok());
        let decoded = decode(&encode(&batch), &schema.columns, &Limits::default()).unwrap();
        prop_assert_eq!(decoded.rows, batch.rows());
        for (column, array) in batch.table.columns.iter().zip(&batch.columns) {
            let sent = decoded.columns.iter().find(|(schema, _)| schema.id == column.id);
            match sent {
                Some((_, decoded)) => prop_assert_eq!(decoded, array),
                None => prop_assert!(array.present.iter().all(|present| !present)),
            }
        }
    }
}

const COLUMNS: &[Column] = &[
    column(1, "bytes_acked", Kind::Int),
    column(2, "why", Kind::Text),
    column(3, "rates", Kind::List(&column(0, "rate", Kind::Float))),
    column(4, "never", Kind::Int),
];
const TABLE: Table = Table { name: "some", doc: "", columns: COLUMNS };

const fn column(id: u32, name: &'static str, kind: Kind) -> Column {
    Column::new(id, name, kind, "bytes", "")
}

fn some_batch() -> Batch {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut batch = Batch::new(&TABLE);
    let rates = Value::List(vec![Value::Float(0.5), Value::Null]);
    batch.push(vec![Value::Int(10), text("closed"), rates, Value::Null]).unwrap();
    batch.push(vec![Value::Null, text("reset"), Value::Null, Value::Null]).unwrap();
    batch.push(vec![Value::Int(7), text("closed"), Value::List(vec![]), Value::Null]).unwrap();
    batch
}

#[test]
fn rows_are_counted_without_decoding_them() {
    let mut batch = some_batch();
    assert_eq!(rows(&encode(&batch)), Some(3));
    for _ in 0..1000 {
        batch.push(vec![Value::Int(1), Value::Null, Value::Null, Value::Null]).unwrap();
    }
    assert_eq!(rows(&encode(&batch)), Some(1003));
    assert_eq!(rows(&encode(&Batch::new(batch.table))), Some(0));
    for foreign in [&b"garbage"[..], &zstd::bulk::compress(b"\x10\x05", 1).unwrap()] {
        assert_eq!(rows(foreign), None);
    }
}

/// Spools hold payloads over upgrades, so their form is fixed.
#[test]
fn values_stand_only_for_present_rows() {
    let message = zstd::decode_all(encode(&some_batch()).as_slice()).unwrap();
    let columns = ingest::Columns::decode(message.as_slice()).unwrap();
    let expected = ingest::Columns {
        rows: 3,
        columns: vec![
            ingest::Column {
                id: 1,
                present: vec![0b101],
                deltas: vec![10, -3],
                ..ingest::Column::default()
            },
            ingest::Column {
                id: 2,
                dictionary: vec!["closed".to_owned(), "reset".to_owned()],
                dictionary_indices: vec![0, 1, 0],
                ..ingest::Column::default()
            },
            ingest::Column {
                id: 3,
                present: vec![0b101],
                lengths: vec![2, 0],
                children: vec![ingest::Column {
                    id: 0,
                    present: vec![0b01],
                    floats: vec![0.5],
                    ..ingest::Column::default()
                }],
                ..ingest::Column::default()
            },
        ],
    };
    assert_eq!(columns, expected);
}

#[test]
fn a_float_keeps_its_bits() {
    const NAN_WITH_PAYLOAD: u64 = 0x7ff8_0000_dead_beef;
    const FLOATS: Table =
        Table { name: "floats", doc: "", columns: &[column(1, "float", Kind::Float)] };
    let mut batch = Batch::new(&FLOATS);
    for bits in [NAN_WITH_PAYLOAD, (-0.0_f64).to_bits()] {
        batch.push(vec![Value::Float(f64::from_bits(bits))]).unwrap();
    }
    let schema = schema(&FLOATS);
    let decoded = decode(&encode(&batch), &schema.columns, &Limits::default()).unwrap();
    let Values::Float(floats) = &decoded.columns[0].1.values else { panic!("not floats") };
    let bits: Vec<u64> = floats.iter().map(|float| float.to_bits()).collect();
    assert_eq!(bits, [NAN_WITH_PAYLOAD, (-0.0_f64).to_bits()]);
}

/// A newer station's column is recognised by the station's own description.
#[test]
fn a_newer_stations_column_is_decoded_with_its_description() {
    let schema = schema(&TABLE);
    let payload = encode(&some_batch());
    let decoded = decode(&payload, &schema.columns, &Limits::default()).unwrap();
    let (described, array) = &decoded.columns[0];
    assert_eq!((described.name.as_str(), described.unit.as_str()), ("bytes_acked", "bytes"));
    let expected = Array { present: vec![true, false, true], values: Values::Int(vec![10, 0, 7]) };
    assert_eq!(*array, expected);
}

#[test]
fn every_stored_table_can_be_described() {
    let tables: Vec<_> = trigpoint_record::TABLES.iter().map(|table| schema(table)).collect();
    check_schema(&tables, Limits::default().columns).unwrap();
}

#[test]
fn nonsense_descriptions_are_told_apart() {
    let column = |id, kind: ingest::Kind, children| ingest::ColumnSchema {
        id,
        name: format!("column_{id}"),
        kind: kind.into(),
        unit: String::new(),
        children,
    };
    let check = |columns| {
        let table = ingest::TableSchema { table: "some".to_owned(), columns };
        check_schema(&[table], 10)
    };
    let int = || column(1, ingest::Kind::Int, vec![]);
    let nested =
        |levels| (1..levels).fold(int(), |child, _| column(1, ingest::Kind::List, vec![child]));
    assert!(check(vec![nested(DEPTH)]).is_ok());
    assert!(matches!(check(vec![nested(DEPTH + 1)]), Err(SchemaError::Depth { .. })));
    assert!(matches!(check(vec![int(), int()]), Err(SchemaError::Duplicate { .. })));
    let kinds = [
        column(1, ingest::Kind::Unspecified, vec![]),
        column(1, ingest::Kind::List, vec![]),
        column(1, ingest::Kind::Struct, vec![]),
        column(1, ingest::Kind::Text, vec![int()]),
    ];
    for kind in kinds {
        assert!(matches!(check(vec![kind]), Err(SchemaError::Kind { .. })));
    }
    let many = (0..11).map(|id| column(id, ingest::Kind::Int, vec![])).collect();
    assert!(matches!(check(many), Err(SchemaError::Columns { limit: 10 })));
    let twice = [schema(&TABLE), schema(&TABLE)];
    assert!(matches!(check_schema(&twice, 10), Err(SchemaError::Duplicate { .. })));
}

/// A station has no say in what the collector fills, whatever its rows hold.
#[test]
fn what_the_collector_fills_is_neither_described_nor_sent() {
    const FIELDS: &[Column] =
        &[column(1, "rtt", Kind::Int), column(2, "as_number", Kind::Int).filled_at_ingest()];
    const FILLED: &[Column] = &[
        column(1, "country", Kind::Text).filled_at_ingest(),
        column(2, "probes", Kind::List(&column(0, "probe", Kind::Struct(FIELDS)))),
    ];
    static TABLE: Table = Table { name: "some", doc: "", columns: FILLED };
    let mut batch = Batch::new(&TABLE);
    let probe = Value::Struct(vec![Value::Int(7), Value::Int(64500)]);
    batch.push(vec![Value::Text("XX".to_owned()), Value::List(vec![probe])]).unwrap();

    let schema = schema(&TABLE);
    let ids = |columns: &[ingest::ColumnSchema]| -> Vec<_> {
        columns.iter().map(|column| column.id).collect()
    };
    assert_eq!(ids(&schema.columns), [2]);
    assert_eq!(ids(&schema.columns[0].children[0].children), [1]);
    let decoded = decode(&encode(&batch), &schema.columns, &Limits::default()).unwrap();
    let [(_, probes)] = decoded.columns.as_slice() else { panic!("one column is sent") };
    let Values::List { items, .. } = &probes.values else { panic!("a list") };
    let Values::Struct(fields) = &items.values else { panic!("of structs") };
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].int(0), Some(7));
}
