//! Statements, prepared statements, and what their answers say of themselves.

use std::time::Duration;

use arrow::array::{AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;
use tonic::Code;

use crate::testing::{Fixture, ask, number, rows, status};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_the_schema_that_was_told_and_the_versions_that_it_read() {
    let fixture = Fixture::new().await;
    fixture.commit(1).await;
    fixture.commit(2).await;
    let mut client = fixture.client().await;
    for sql in [
        "SELECT * FROM readings",
        "SELECT flow_id, upper(flow_id), n + 1, NULL, [n], named_struct('f', flow_id) FROM readings",
        "SELECT flow_id FROM readings UNION ALL SELECT n FROM readings",
        "SELECT CASE WHEN n > 1 THEN 1 ELSE 0.5 END FROM readings",
        "SELECT arrow_cast(flow_id, 'Dictionary(Int32, Utf8)') FROM readings",
        "SELECT flow_id FROM readings WHERE false",
        "SHOW TABLES",
        "DESCRIBE readings",
        "EXPLAIN SELECT count(*) FROM readings",
    ] {
        let info = client.execute(sql.to_owned(), None).await.unwrap();
        let told = info.clone().try_decode_schema().unwrap();
        let ticket = info.endpoint[0].ticket.clone().unwrap();
        let mut batches = client.do_get(ticket).await.unwrap();
        let mut count = 0;
        while let Some(batch) = futures::TryStreamExt::try_next(&mut batches).await.unwrap() {
            assert_eq!(batch.schema().as_ref(), &told, "{sql}");
            count += batch.num_rows();
        }
        assert_eq!(batches.schema().unwrap().as_ref(), &told, "{sql}");
        assert_eq!(count == 0, sql.ends_with("false"), "{sql}");
        let text = DataType::Utf8View;
        assert!(told.fields().iter().all(|field| *field.data_type() != text), "{sql}: {told}");
    }
    let info = client.execute("SELECT * FROM readings".to_owned(), None).await.unwrap();
    // The table's making is version 0.
    assert_eq!(info.app_metadata, r#"{"readings":2}"#);
    let told = info.try_decode_schema().unwrap();
    assert_eq!(told.metadata()["trigpoint.versions"], r#"{"readings":2}"#);
    let comment = &told.field_with_name("min_rtt_us").unwrap().metadata()["comment"];
    assert_eq!(comment, "Least round-trip time. Unit: µs.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_gives_the_rows_of_the_versions_that_were_told() {
    let fixture = Fixture::new().await;
    fixture.commit(1).await;
    let mut client = fixture.client().await;
    let sql = "SELECT count(*) FROM readings";
    let info = client.execute(sql.to_owned(), None).await.unwrap();
    fixture.commit(2).await;
    let rows = rows(&mut client, info).await.unwrap();
    assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), 1);
    assert_eq!(number(&mut client, sql).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_share_a_snapshot_until_it_is_too_old() {
    let age = Duration::from_hours(1);
    let fixture = Fixture::with(|settings| settings.limits.snapshot_age = age).await;
    fixture.commit(1).await;
    let mut client = fixture.client().await;
    assert_eq!(number(&mut client, "SELECT count(*) FROM readings").await, 1);
    fixture.commit(2).await;
    // Another statement, so that it is no plan that is shared.
    assert_eq!(number(&mut client, "SELECT count(n) FROM readings").await, 1);

    let age = Duration::ZERO;
    let fixture = Fixture::with(|settings| settings.limits.snapshot_age = age).await;
    for seq in 1..4 {
        fixture.commit(seq).await;
        let mut client = fixture.client().await;
        let count = number(&mut client, "SELECT count(*) FROM readings").await;
        assert_eq!(count, i64::try_from(seq).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_is_answered_for_each_of_its_parameters() {
    let fixture = Fixture::new().await;
    for seq in 1..4 {
        fixture.commit(seq).await;
    }
    let mut client = fixture.client().await;
    for sql in [
        "SELECT n FROM readings WHERE flow_id = ? AND n < ?",
        "SELECT n FROM readings WHERE flow_id = $1 AND n < $2",
        "SELECT n FROM readings WHERE n < $2 AND flow_id = $1",
    ] {
        let mut statement = client.prepare(sql.to_owned(), None).await.unwrap();
        let wanted = statement.parameter_schema().unwrap();
        let kinds: Vec<_> = wanted.fields().iter().map(|field| field.data_type()).collect();
        assert_eq!(kinds, [&DataType::Utf8, &DataType::Int64], "{sql}");
        assert_eq!(statement.dataset_schema().unwrap().field(0).name(), "n");
        for seq in 1..4 {
            let flow = StringArray::from(vec![format!("flow-{seq}")]);
            statement.set_parameters(parameters(flow, vec![3])).unwrap();
            let info = statement.execute().await.unwrap();
            let rows = rows(&mut client, info).await.unwrap();
            let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(count, usize::from(seq < 3), "{sql} of {seq}");
        }
        statement.close().await.unwrap();
    }
}

fn parameters(flow: StringArray, n: Vec<i64>) -> RecordBatch {
    let columns: Vec<(&str, arrow::array::ArrayRef)> =
        vec![("$1", Arc::new(flow)), ("$2", Arc::new(Int64Array::from(n)))];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_are_missing_too_many_or_none_are_told() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    let sql = "SELECT n FROM readings WHERE flow_id = ? AND n < ?";
    let status_of = |error| status(error);
    let error = ask(&mut client, sql).await.unwrap_err();
    assert_eq!(error.message(), "the query wants 2 parameters, and got none");
    let mut statement = client.prepare(sql.to_owned(), None).await.unwrap();
    let flows = StringArray::from(vec!["a", "b"]);
    statement.set_parameters(parameters(flows, vec![1, 2])).unwrap();
    let error = status_of(statement.execute().await.unwrap_err());
    assert_eq!(error.message(), "bind one row of parameters at a time");
    let one = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1])) as _)]);
    statement.set_parameters(one.unwrap()).unwrap();
    let error = status_of(statement.execute().await.unwrap_err());
    assert_eq!(error.message(), "the query wants one row of 2 parameters, and got 1 of 1");
    let error = ask(&mut client, "SELECT n FROM readings WHERE n = $name").await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("no parameter `$name`"), "{}", error.message());
}
