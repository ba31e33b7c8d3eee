//! Too large, too long, too many, and clients that do not read.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
use futures::{StreamExt as _, TryStreamExt as _};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Endpoint;

use crate::testing::{Client, Fixture, ask, number, refusal, rows, status};

/// Counts for hours.
const ENDLESS: &str = "SELECT sum(a.value % 7) FROM generate_series(1, 1000000000000) a";
/// More rows than any window holds.
const LONG: &str = "SELECT value, repeat('x', 100) FROM generate_series(1, 100000000)";

/// Joins that compute for hours and hardly ever wait, the first without a single row.
const ENDLESS_JOINS: [&str; 3] = [
    "SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b \
     ON a.value * b.value % 7 = 9",
    "SELECT count(*) FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b",
    "SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b \
     ON a.value % 2 = b.value % 2 AND a.value * b.value % 7 = 9",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_an_hour_ends_when_its_time_is_up() {
    let limit = Duration::from_millis(300);
    let fixture = Fixture::with(|settings| settings.run_at_most = limit).await;
    let mut client = fixture.client().await;
    for sql in [ENDLESS].iter().chain(&ENDLESS_JOINS) {
        let (code, message) = refusal(&mut client, sql).await;
        assert_eq!(code, Code::DeadlineExceeded, "{sql}");
        assert!(message.contains("took longer than 0.3 s"), "{message}");
        // Its thread is free again, not only its client.
        fixture.until("trigpoint_query_running", "", 0.0).await;
        assert_eq!(number(&mut client, "SELECT 1").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_no_client_could_take_is_refused() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    let list = |texts| {
        format!(
            "SELECT array_agg(repeat(cast(value AS VARCHAR), 100)) AS l \
             FROM generate_series(100000, {})",
            99_999 + texts
        )
    };
    let (code, message) = refusal(&mut client, &list(100_000)).await;
    assert_eq!(code, Code::ResourceExhausted);
    assert!(message.starts_with("a row of the answer has 57 MiB, and may have 15"), "{message}");
    // The largest that fits goes through, and a batch of many is sent in parts.
    assert_eq!(ask(&mut client, &list(5000)).await.unwrap()[0].num_rows(), 1);
    let rows = ask(
        &mut client,
        "SELECT repeat(cast(value AS VARCHAR), 1000) \
                                 FROM generate_series(1000, 9000)",
    )
    .await
    .unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 8001);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_too_many_rows_is_refused_and_never_cut() {
    let fixture = Fixture::with(|settings| settings.rows = 10_000).await;
    let mut client = fixture.client().await;
    let sql = "SELECT value FROM generate_series(1, 10000)";
    let rows: usize = ask(&mut client, sql).await.unwrap().iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 10_000);
    let (code, message) = refusal(&mut client, "SELECT value FROM generate_series(0, 10000)").await;
    assert_eq!(code, Code::ResourceExhausted);
    assert_eq!(message, "the answer has more than 10000 rows; aggregate, or fetch it in parts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_needs_more_memory_spills_or_ends_and_gives_it_back() {
    let fixture = Fixture::with(|settings| {
        settings.limits.memory_bytes = 128 << 20;
        settings.limits.query_memory_bytes = 96 << 20;
        settings.limits.spill_bytes = 1 << 30;
    })
    .await;
    let mut client = fixture.client().await;
    let sorted = "SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY md5(cast(value AS VARCHAR))) \
                  AS r FROM generate_series(1, 500000))";
    assert_eq!(ask(&mut client, sorted).await.unwrap()[0].num_rows(), 1);
    let list =
        "SELECT array_agg(repeat(cast(value AS VARCHAR), 20)) FROM generate_series(1, 5000000)";
    let (code, message) = refusal(&mut client, list).await;
    assert_eq!(code, Code::ResourceExhausted, "{message}");
    assert!(message.starts_with("the query needs more than it may take ("), "{message}");
    assert!(message.ends_with("or aggregate earlier"), "{message}");
    fixture.until("trigpoint_query_memory_bytes", "", 0.0).await;
    fixture.until("trigpoint_query_spilled_bytes", "", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_would_not_fit_is_refused_before_it_is_made() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    for sql in [
        "SELECT repeat('0123456789', 10000000000)",
        "SELECT repeat(arrow_cast('0123456789', 'LargeUtf8'), 10000000000)",
        "SELECT lpad('x', 2000000000)",
        "SELECT range(1, 12000000000)",
        "SELECT range(TIMESTAMP '2020-01-01', TIMESTAMP '2026-01-01', INTERVAL '1 microsecond')",
        "SELECT array_repeat(1, 12000000000)",
        "SELECT array_resize([1], 12000000000, 1)",
        "SELECT replace(repeat('a', 1000000), 'a', repeat('b', 100000))",
        "SELECT regexp_replace(repeat('a', 1000000), 'a', repeat('b', 100000), 'g')",
        "SELECT array_to_string(range(1, 1000000), repeat('b', 100000))",
        "SELECT repeat(flow, 20000000) FROM (SELECT cast(value AS VARCHAR) AS flow \
         FROM generate_series(1, 8000))",
    ] {
        let (code, message) = refusal(&mut client, sql).await;
        assert_eq!(code, Code::ResourceExhausted, "{sql}: {message}");
        assert!(message.contains("MiB at once"), "{sql}: {message}");
    }
    for sql in [
        // A constant that would stand on each of 8192 rows of a batch.
        "SELECT max(s || cast(value AS VARCHAR)) \
         FROM (SELECT repeat('x', 1000000) AS s, value FROM generate_series(1, 9))",
        "SELECT max(array_length(array_append(l, value))) \
         FROM (SELECT range(1, 100000) AS l, value FROM generate_series(1, 9))",
    ] {
        let (code, message) = refusal(&mut client, sql).await;
        assert_eq!(code, Code::ResourceExhausted, "{sql}: {message}");
        assert!(message.contains("stands on every row"), "{sql}: {message}");
    }
    let doubled = (0..15).fold("SELECT repeat('x', 1000) AS s0".to_owned(), |inner, n| {
        format!("SELECT s{n} || s{n} AS s{} FROM ({inner})", n + 1)
    });
    let (code, message) = refusal(&mut client, &doubled).await;
    assert_eq!(code, Code::ResourceExhausted, "{message}");
    // And those that fit are as they were.
    for sql in [
        "SELECT 'a' || 'b' = 'ab' AND ('a' || NULL) IS NULL AND 1 || 'a' = '1a'",
        "SELECT length(repeat('ab', 3)) = 6 AND lpad('a', 3, 'b') = 'bba'",
        "SELECT array_length(range(5)) = 5 AND array_length(generate_series(1, 9, 2)) = 5",
        "SELECT concat('a', NULL, 1) = 'a1' AND concat_ws('-', 'a', 'b') = 'a-b'",
        "SELECT replace('aba', 'a', 'cc') = 'ccbcc' AND array_to_string([1, 2], ',') = '1,2'",
        "SELECT regexp_replace('aba', 'a', 'c', 'g') = 'cbc' AND array_repeat('x', 2) = ['x', 'x']",
    ] {
        let rows = ask(&mut client, sql).await.unwrap();
        assert!(arrow::array::AsArray::as_boolean(rows[0].column(0)).value(0), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn further_queries_wait_and_too_many_are_told_to_come_again() {
    let fixture = Fixture::with(|settings| {
        settings.queries = 1;
        settings.waiting = 1;
    })
    .await;
    let mut first = fixture.client().await;
    let info = first.execute(LONG.to_owned(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let stalled = first.do_get(ticket).await.unwrap();
    let mut second = fixture.client().await;
    let waiting = tokio::spawn(async move { number(&mut second, "SELECT 2").await });
    fixture.until("trigpoint_query_waiting", "", 1.0).await;
    let mut third = fixture.client().await;
    let (code, message) = refusal(&mut third, "SELECT 3").await;
    assert_eq!(code, Code::ResourceExhausted);
    assert_eq!(message, "1 queries run and 1 wait for them; come again later");
    drop(stalled);
    assert_eq!(waiting.await.unwrap(), 2);
    fixture.until("trigpoint_query_queries_total", "abandoned", 1.0).await;
    assert_eq!(number(&mut third, "SELECT 3").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_loses_its_answer_and_holds_nothing() {
    let fixture = Fixture::with(|settings| {
        settings.queries = 1;
        settings.run_at_most = Duration::from_millis(500);
    })
    .await;
    let mut silent = fixture.client().await;
    let info = silent.execute(LONG.to_owned(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut answer = silent.do_get(ticket).await.unwrap();
    answer.next().await.unwrap().unwrap();
    fixture.until("trigpoint_query_queries_total", "too_long", 1.0).await;
    fixture.until("trigpoint_query_running", "", 0.0).await;
    fixture.until("trigpoint_query_memory_bytes", "", 0.0).await;
    let mut other = fixture.client().await;
    assert_eq!(number(&mut other, "SELECT 1").await, 1);
    // What was on its way arrives, then the reason.
    let error = loop {
        match answer.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break status(error),
            None => panic!("the answer looked whole"),
        }
    };
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(error.message().contains("read faster"), "{}", error.message());
}

async fn cancel(client: &mut Client, info: arrow_flight::FlightInfo) -> CancelStatus {
    let body = CancelFlightInfoRequest { info: Some(info) }.encode_to_vec();
    let action = Action::new("CancelFlightInfo", body);
    let mut results = client.do_action(action).await.unwrap();
    let result = results.next().await.unwrap().unwrap();
    CancelFlightInfoResult::decode(result.body).unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_cancelled_by_whoever_asked_it() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    let info = client.execute(ENDLESS.to_owned(), None).await.unwrap();
    let mut asking = fixture.client().await;
    let asked = info.clone();
    let answer = tokio::spawn(async move { rows(&mut asking, asked).await });
    fixture.until("trigpoint_query_running", "", 1.0).await;
    let mut stranger = fixture.client_of("secret-of-bob-0000").await;
    assert_eq!(cancel(&mut stranger, info.clone()).await, CancelStatus::NotCancellable);
    assert_eq!(cancel(&mut client, info.clone()).await, CancelStatus::Cancelled);
    let error = answer.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Cancelled, "the query was cancelled"));
    assert_eq!(cancel(&mut client, info).await, CancelStatus::NotCancellable);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_connections_those_within_the_bound_are_answered_or_told_to_come_again() {
    const MOST: usize = 900;
    trigpoint_process::limits::raise_open_files();
    let fixture = Fixture::with(|settings| {
        settings.queries = 4;
        settings.waiting = 8;
        settings.connections = MOST;
    })
    .await;
    let endpoint = Endpoint::from_shared(format!("http://{}", fixture.address)).unwrap();
    let connections = (0..1000).map(|_| {
        let endpoint = endpoint.clone();
        async move {
            let mut client = FlightSqlServiceClient::new(endpoint.connect().await.ok()?);
            client.set_token("secret-of-ada-0000".to_owned());
            Some(client)
        }
    });
    let connections: Vec<_> = futures::stream::iter(connections).buffered(50).collect().await;
    let asked = connections.into_iter().map(|client| async move {
        let mut client = client?;
        // Held until all have asked.
        let answer = ask(&mut client, "SELECT count(*) FROM readings").await;
        Some((answer, client))
    });
    let asked: Vec<_> = futures::future::join_all(asked).await;
    let answers: Vec<_> = asked.iter().flatten().map(|(answer, _)| answer).collect();
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    let told = answers.iter().filter_map(|answer| answer.as_ref().err());
    let told = told.filter(|status| status.message().ends_with("come again later")).count();
    assert_eq!(answered + told, MOST);
    // A client whose connection was closed may have come again.
    assert!(fixture.metric("trigpoint_query_connections_refused_total", "") >= 100.0);
    assert!(answered >= 12, "{answered} of {MOST} were answered");
    let (_, mut client) = asked.into_iter().flatten().find(|(it, _)| it.is_ok()).unwrap();
    assert_eq!(number(&mut client, "SELECT 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_ends_and_leaves_its_place() {
    let fixture = Fixture::with(|settings| {
        settings.connections = 1;
        settings.silent_at_most = Duration::from_millis(300);
    })
    .await;
    // Neither TLS nor HTTP/2; and one that begins and stays half open.
    for beginning in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let mut silent = TcpStream::connect(fixture.address).await.unwrap();
        silent.write_all(beginning).await.unwrap();
        let mut rest = Vec::new();
        // Its end is an end, or a reset.
        let _ = silent.read_to_end(&mut rest).await;
    }
    let mut client = fixture.client().await;
    assert_eq!(number(&mut client, "SELECT 1").await, 1);
    assert!(fixture.metric("trigpoint_query_connections_refused_total", "").abs() < 0.5);
    let mut second = TcpStream::connect(fixture.address).await.unwrap();
    assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(fixture.metric("trigpoint_query_connections_refused_total", "") > 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_waits_for_its_queries_and_takes_no_more() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    let info = client.execute(LONG.to_owned(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut answer = client.do_get(ticket).await.unwrap();
    answer.try_next().await.unwrap().unwrap();
    let fixture = std::sync::Arc::new(fixture);
    let stopping = std::sync::Arc::clone(&fixture);
    let stopped = tokio::spawn(async move { stopping.service.stop().await });
    let mut late = fixture.client().await;
    let refused = loop {
        match ask(&mut late, "SELECT 1").await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(!stopped.is_finished());
    drop(answer);
    stopped.await.unwrap();
}
