//! Stations of other versions.

use prost::Message as _;
use trigpoint_record::tables::SNAPSHOTS;
use trigpoint_wire::{
    encode,
    ingest::{Column, ColumnSchema, Columns, Kind, RetryReason, TableSchema},
};

use crate::testing::{Fixture, Station, described, distinct, hello, quick};

/// An id that no column has.
const NEWER_ID: u32 = 999_999;

fn newer(kind: Kind) -> ColumnSchema {
    let (id, name) = (NEWER_ID, "newer_us".to_owned());
    ColumnSchema { id, name, kind: kind.into(), unit: "us".to_owned(), children: vec![] }
}

#[tokio::test]
async fn a_newer_stations_integers_are_kept_aside() {
    let fixture = Fixture::new(quick()).await;
    let mut station = Station::connect(fixture.channel().await, None).await.unwrap();
    let mut hello = hello("spool");
    described(&mut hello, "snapshots").columns.push(newer(Kind::Int));
    station.hello(hello).await;
    station.welcome().await;

    let message = zstd::decode_all(encode(&distinct(&SNAPSHOTS, 1, 2)).as_slice()).unwrap();
    let mut columns = Columns::decode(message.as_slice()).unwrap();
    columns.columns.push(Column { id: NEWER_ID, deltas: vec![40, 2], ..Column::default() });
    let payload = zstd::bulk::compress(&columns.encode_to_vec(), 1).unwrap();
    station.batch(1, "snapshots", payload).await;
    assert!(station.acknowledged(1).await.is_empty());
    let sum = format!("SELECT sum(unmapped[arrow_cast({NEWER_ID}, 'Int32')]) FROM snapshots");
    assert_eq!(fixture.number(&sum).await, 82);
}

#[tokio::test]
async fn what_a_newer_station_cannot_have_kept_aside_waits_for_a_newer_collector() {
    let fixture = Fixture::new(quick()).await;
    let mut other_kind = hello("spool");
    described(&mut other_kind, "snapshots").columns.push(newer(Kind::Text));
    let mut other_table = hello("spool");
    let table = TableSchema { table: "host_health".to_owned(), columns: vec![newer(Kind::Int)] };
    other_table.tables.push(table);
    for hello in [other_kind, other_table] {
        let mut station = Station::connect(fixture.channel().await, None).await.unwrap();
        station.hello(hello).await;
        station.told_to_retry(RetryReason::SchemaNewer).await;
    }
    // A batch that lies in the spool of a station which was rolled back.
    let mut station = fixture.station("spool").await;
    station.batch(1, "host_health", vec![1, 2, 3]).await;
    let detail = station.told_to_retry(RetryReason::SchemaNewer).await;
    assert_eq!(detail, "table host_health is unknown here");
}

/// Its spool holds columns that it does not know any more; the collector does.
#[tokio::test]
async fn a_rolled_back_stations_spool_is_still_understood() {
    let fixture = Fixture::new(quick()).await;
    let mut station = Station::connect(fixture.channel().await, None).await.unwrap();
    let mut older = hello("spool");
    described(&mut older, "snapshots").columns.retain(|column| column.name != "n");
    older.tables.retain(|table| table.table != "flows");
    station.hello(older).await;
    station.welcome().await;
    station.rows(1, &SNAPSHOTS, 3).await;
    station.rows(2, &trigpoint_record::tables::FLOWS, 1).await;
    assert!(station.acknowledged(2).await.is_empty());
    assert_eq!(fixture.number("SELECT sum(n) FROM snapshots").await, 3);
    assert_eq!(fixture.number("SELECT count(*) FROM flows").await, 1);
}
