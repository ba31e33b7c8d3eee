//! Strangers, SQL that tries to do more than read, and bytes that are no handle.

use arrow_flight::sql::{
    CommandPreparedStatementQuery, ProstMessageExt as _, TicketStatementQuery,
};
use arrow_flight::{FlightDescriptor, Ticket};
use prost::Message as _;
use tonic::Code;

use crate::testing::{Fixture, ask, number, refusal, status};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_without_a_token_that_is_known() {
    let fixture = Fixture::new().await;
    let mut stranger = fixture.client_of("a-guess-that-is-long").await;
    let (code, message) = refusal(&mut stranger, "SELECT 1").await;
    assert_eq!(
        (code, message.as_str()),
        (Code::Unauthenticated, "the bearer token is unknown here")
    );
    let mut nobody = fixture.client().await;
    nobody.clear_token();
    let error = status(nobody.get_catalogs().await.unwrap_err());
    assert_eq!(error.code(), Code::Unauthenticated);
    assert_eq!(error.message(), "a token is needed: send `authorization: Bearer TOKEN`");
    assert!((fixture.metric("trigpoint_query_unauthenticated_total", "") - 2.0).abs() < 0.5);
    let mut client = fixture.client().await;
    let mut request = tonic::Request::new(futures::stream::empty());
    request.metadata_mut().insert("authorization", "Bearer secret-of-ada-0000".parse().unwrap());
    let mut answers = client.inner_mut().handshake(request).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_none());
    // A name and a password are no token.
    let error = nobody.handshake("ada", "secret-of-ada-0000").await.unwrap_err();
    assert!(error.to_string().contains("a token is needed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_reading_tables_is_possible() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret.csv");
    std::fs::write(&secret, "secret\n42\n").unwrap();
    let secret = secret.display();
    let fixture = Fixture::new().await;
    fixture.commit(1).await;
    let mut client = fixture.client().await;
    for sql in [
        "DROP TABLE readings".to_owned(),
        "DELETE FROM readings".to_owned(),
        "UPDATE readings SET n = 1".to_owned(),
        "TRUNCATE TABLE readings".to_owned(),
        "INSERT INTO readings (n) VALUES (1)".to_owned(),
        "INSERT INTO readings SELECT * FROM readings".to_owned(),
        "CREATE TABLE mine AS SELECT 1".to_owned(),
        "CREATE VIEW mine AS SELECT 1".to_owned(),
        "CREATE SCHEMA mine".to_owned(),
        "CREATE DATABASE mine".to_owned(),
        "CREATE FUNCTION f(BIGINT) RETURNS BIGINT RETURN $1".to_owned(),
        format!("CREATE EXTERNAL TABLE mine STORED AS CSV LOCATION '{secret}'"),
        format!("COPY (SELECT 1) TO '{secret}.out' STORED AS CSV"),
        format!("COPY readings TO '{secret}.out'"),
        format!("EXPLAIN COPY readings TO '{secret}.out'"),
        format!("EXPLAIN ANALYZE COPY readings TO '{secret}.out'"),
        "EXPLAIN ANALYZE INSERT INTO readings (n) VALUES (1)".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "RESET datafusion.execution.batch_size".to_owned(),
        "BEGIN".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        format!("SELECT * FROM '{secret}'"),
        format!("SELECT * FROM \"{secret}\""),
        format!("SELECT * FROM \"file://{secret}\""),
        format!("SELECT * FROM read_csv('{secret}')"),
        format!("SELECT * FROM read_parquet('{secret}')"),
        format!("SELECT * FROM read_json('{secret}')"),
        format!("SELECT * FROM parquet_metadata('{secret}')"),
        format!("SELECT * FROM delta_scan('{secret}')"),
        "SELECT * FROM other.public.readings".to_owned(),
        "SELECT * FROM trigpoint.other.readings".to_owned(),
        "SELECT 1; DROP TABLE readings".to_owned(),
        String::new(),
        "SELECT".to_owned(),
        "\0".to_owned(),
    ] {
        let (code, message) = refusal(&mut client, &sql).await;
        let is_clear = matches!(code, Code::InvalidArgument | Code::NotFound);
        assert!(is_clear && !message.is_empty(), "{sql}: {code:?} {message}");
    }
    let error =
        status(client.execute_update("DROP TABLE readings".to_owned(), None).await.unwrap_err());
    assert!(error.message().starts_with("this service only reads"), "{}", error.message());
    let error = status(client.begin_transaction().await.unwrap_err());
    assert!(error.message().contains("no transactions"), "{}", error.message());
    assert_eq!(number(&mut client, "SELECT count(*) FROM readings").await, 1);
    assert!(!directory.path().join("secret.csv.out").exists());
    // What anybody may read.
    ask(&mut client, "SELECT * FROM information_schema.columns").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_too_long_or_too_deep_is_refused() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    let long = format!("SELECT '{}'", "x".repeat(100_000));
    let (_, message) = refusal(&mut client, &long).await;
    assert_eq!(message, "the statement has 100009 bytes, and may have 65536");
    let deep = format!("SELECT {}1{}", "(".repeat(30_000), ")".repeat(30_000));
    let (code, _) = refusal(&mut client, &deep).await;
    assert_eq!(code, Code::InvalidArgument);
    // Recursion of the planner and of the optimizer, which takes the square of the time.
    let sum = |terms| format!("SELECT 1{} AS n", " + 1".repeat(terms));
    let (code, message) = refusal(&mut client, &sum(15_000)).await;
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(message, "the statement has 15000 operators, and may have 1000");
    assert_eq!(number(&mut client, &sum(300)).await, 301);
    assert_eq!(number(&mut client, "SELECT 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_handle_end_one_call() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    for handle in [&b"\xff\xff\xff\xff"[..], b"\x0a\xff", b"SELECT 1"] {
        let ticket = TicketStatementQuery { statement_handle: handle.to_vec().into() };
        let ticket = Ticket::new(ticket.as_any().encode_to_vec());
        let error = match client.do_get(ticket).await {
            Ok(_) => panic!("{handle:?} was answered"),
            Err(error) => status(error),
        };
        assert_eq!(error.code(), Code::InvalidArgument, "{handle:?}");
        assert!(error.message().contains("not of this service"), "{}", error.message());
        let command =
            CommandPreparedStatementQuery { prepared_statement_handle: handle.to_vec().into() };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let mut request = tonic::Request::new(descriptor);
        let token = "Bearer secret-of-ada-0000".parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        let error = client.inner_mut().get_flight_info(request).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{handle:?}");
    }
    assert_eq!(number(&mut client, "SELECT 1").await, 1);
}
