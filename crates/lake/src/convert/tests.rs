use super::*;
use crate::testing::{EARLIER, MIDNIGHT, READINGS, ints, reading, sent};
use arrow::array::Array as _;
use arrow::datatypes::{Int32Type, Int64Type};
use trigpoint_record::Value;

fn convert(rows: usize, columns: Vec<Sent>) -> Result<RecordBatch, ConvertError> {
    Rows::convert(&READINGS, "spool-1", 4, rows, columns).map(|rows| rows.batch)
}

fn extra(id: u32, shape: Shape, array: Array) -> Sent {
    Sent { description: Description { id, name: "later".to_owned(), shape }, array }
}

#[test]
fn every_kind_keeps_its_values_and_absence_is_null() {
    let (rows, columns) = sent(
        &READINGS,
        vec![
            reading("f", 0, 0),
            vec![
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Time(MIDNIGHT),
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
            ],
        ],
    );
    let batch = convert(rows, columns).unwrap();
    let text = |column: usize| {
        let field = batch.schema().field(column).clone();
        let array = batch.column(column).slice(0, 1);
        let one = RecordBatch::try_from_iter([(field.name(), array)]).unwrap();
        let mut bytes = Vec::new();
        arrow::json::LineDelimitedWriter::new(&mut bytes).write(&one).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    // JSON has no integer keys: `unmapped` has its own test.
    let all: String = (0..batch.num_columns() - 1).map(text).collect();
    assert_eq!(
        all.lines().collect::<Vec<_>>(),
        [
            r#"{"date":"2026-11-24"}"#,
            r#"{"flow_id":"f"}"#,
            r#"{"n":0}"#,
            r#"{"start_time":"2026-11-24T00:00:00Z"}"#,
            r#"{"opened_time":"2026-11-24T00:00:00Z"}"#,
            r"{}",
            r#"{"share":0.5}"#,
            r#"{"clean":true}"#,
            r#"{"raw":"ab00"}"#,
            r#"{"nodes":[{"address":"192.0.2.1","rtt_us":5},{"address":"192.0.2.2","rtt_us":7}]}"#,
            r#"{"station":{"site":"abc01"}}"#,
            r#"{"spool_id":"spool-1"}"#,
            r#"{"batch_seq":4}"#,
        ]
    );
    for (column, field) in batch.columns().iter().zip(batch.schema().fields()) {
        let ours =
            matches!(field.name().as_str(), "date" | "opened_time" | "spool_id" | "batch_seq");
        assert_eq!(column.is_null(1), !ours, "{}", field.name());
    }
}

#[test]
fn columns_that_the_station_does_not_know_are_null() {
    let (_, columns) = sent(&READINGS, vec![reading("f", 1, 0)]);
    let columns = columns.into_iter().filter(|sent| sent.description.name == "opened_time");
    let batch = convert(1, columns.collect()).unwrap();
    assert!(
        batch["flow_id"].is_null(0) && batch["nodes"].is_null(0) && batch["station"].is_null(0)
    );

    let node = Value::Struct(vec![Value::Text("192.0.2.9".to_owned())]);
    let mut row = reading("f", 1, 0)[..4].to_vec();
    row.push(Value::List(vec![node]));
    let (rows, columns) = sent(&EARLIER, vec![row]);
    let batch = convert(rows, columns).unwrap();
    let nodes = batch["nodes"].as_list::<i32>().value(0);
    assert_eq!(nodes.as_struct()["address"].as_string::<i32>().value(0), "192.0.2.9");
    assert!(nodes.as_struct()["rtt_us"].is_null(0));
}

#[test]
fn unknown_integers_are_kept_by_their_id() {
    let (_, mut columns) =
        sent(&READINGS, vec![reading("f", 1, 0), reading("f", 2, 0), reading("f", 3, 0)]);
    columns.push(extra(900, Shape::Int, ints(&[Some(5), None, None])));
    columns.push(extra(901, Shape::Int, ints(&[Some(-6), None, Some(7)])));
    let batch = convert(3, columns).unwrap();
    let unmapped = batch["unmapped"].as_map();
    let entries = |row: usize| {
        let entries = unmapped.value(row);
        let keys = entries.column(0).as_primitive::<Int32Type>().values().to_vec();
        let values = entries.column(1).as_primitive::<Int64Type>().values().to_vec();
        keys.into_iter().zip(values).collect::<Vec<_>>()
    };
    assert_eq!(entries(0), [(900, 5), (901, -6)]);
    assert!(unmapped.is_null(1));
    assert_eq!(entries(2), [(901, 7)]);
}

#[test]
fn an_unknown_column_of_another_kind_waits_for_a_newer_collector() {
    let (_, mut columns) = sent(&READINGS, vec![reading("f", 1, 0)]);
    let mut text = Array::new(trigpoint_record::Kind::Text);
    text.push_null();
    columns.push(extra(900, Shape::Text, text));
    let described: Vec<_> = columns.iter().map(|sent| sent.description.clone()).collect();
    let error = convert(1, columns).unwrap_err();
    assert!(error.is_newer());
    assert_eq!(check(&READINGS, &described), Err(error.clone()));
    assert_eq!(
        error.to_string(),
        "column `later` (id 900, text) of table readings is newer than this collector"
    );
    assert_eq!(check(&READINGS, &described[..described.len() - 1]), Ok(()));
}

#[test]
fn a_field_that_a_struct_does_not_have_waits_for_a_newer_collector() {
    let (rows, columns) = sent(&READINGS, vec![reading("f", 1, 0)]);
    let earlier: Vec<Description> = columns.iter().map(|sent| sent.description.clone()).collect();
    let error = check(&EARLIER, &earlier[8..9]).unwrap_err();
    assert!(error.is_newer() && error.to_string().contains("`nodes.rtt_us`"), "{error}");
    let known = columns.into_iter().filter(|sent| matches!(sent.description.id, 4 | 9));
    let error = Rows::convert(&EARLIER, "spool-1", 1, rows, known.collect()).unwrap_err();
    assert!(error.is_newer(), "{error}");
}

type Spoil<'a> = &'a dyn Fn(&mut Vec<Sent>);

#[test]
fn arrays_that_do_not_fit_together_are_refused() {
    let spoil = |spoil: Spoil<'_>| {
        let (rows, mut columns) = sent(&READINGS, vec![reading("f", 1, 0), reading("f", 2, 0)]);
        spoil(&mut columns);
        let error = convert(rows, columns).unwrap_err();
        assert!(!error.is_newer(), "{error}");
        error.to_string()
    };
    let cases: [(&str, Spoil<'_>); 7] = [
        ("3 slots for 2 rows", &|columns| columns[1].array.push_int(None)),
        ("not one slot", &|columns| columns[1].array.values = Values::Int(vec![1])),
        ("not one slot", &|columns| columns[0].array.values = Values::Text(Vec::new())),
        ("is int, the station sent text", &|columns| {
            columns[1].array.values = Values::Text(vec![String::new(); 2]);
            columns[1].description.shape = Shape::Text;
        }),
        ("lengths add up to 4294967297 of 4 items", &|columns| {
            if let Values::List { lengths, .. } = &mut columns[8].array.values {
                *lengths = vec![u32::MAX, 2];
            }
        }),
        ("0 arrays for 1 fields", &|columns| {
            columns[9].array.values = Values::Struct(Vec::new());
        }),
        ("id 2 was sent twice", &|columns| {
            let again = columns[1].clone();
            columns.push(again);
        }),
    ];
    for (expected, case) in cases {
        let message = spoil(case);
        assert!(message.contains(expected), "{message} has not: {expected}");
    }
}

#[test]
fn rows_belong_to_the_utc_date_on_which_their_flow_opened() {
    let (rows, columns) = sent(
        &READINGS,
        vec![
            reading("before", 5, -1),
            reading("after", 0, 0),
            reading("end", 0, MICROSECONDS_PER_DAY - 1),
        ],
    );
    let batch = convert(rows, columns).unwrap();
    let dates = batch["date"].as_primitive::<arrow::datatypes::Date32Type>();
    let days: Vec<_> = (0..3).map(|row| dates.value_as_date(row).unwrap().to_string()).collect();
    assert_eq!(days, ["2026-11-23", "2026-11-24", "2026-11-24"]);
}

#[test]
fn a_time_that_cannot_be_is_refused() {
    for time in [Value::Null, Value::Time(0), Value::Time(i64::MAX), Value::Time(i64::MIN)] {
        let mut bad = reading("f", 1, 0);
        bad[3] = time;
        let (rows, columns) = sent(&READINGS, vec![reading("f", 1, 0), bad]);
        let error = convert(rows, columns).unwrap_err();
        assert_eq!(error, ConvertError::Time { table: "readings", column: "opened_time", row: 1 });
    }
    let (rows, columns) = sent(&READINGS, vec![reading("f", 1, 0)]);
    let without = columns.into_iter().filter(|sent| sent.description.id != 4).collect();
    assert!(matches!(convert(rows, without), Err(ConvertError::Time { row: 0, .. })));
}
