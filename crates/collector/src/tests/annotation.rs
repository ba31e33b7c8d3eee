//! Where clients are is for the collector to say.

use prost::Message as _;
use tonic::Code;
use trigpoint_record::tables::{FLOWS, TRACES};
use trigpoint_record::{Column, Kind};
use trigpoint_wire::encode;
use trigpoint_wire::ingest::{self, ColumnSchema, Columns};

use crate::testing::{Fixture, Station, described, distinct, hello, quick};

fn column<'a>(columns: &'a [Column], name: &str) -> &'a Column {
    columns.iter().find(|column| column.name == name).unwrap()
}

fn integer(column: &Column) -> ColumnSchema {
    ColumnSchema {
        id: column.id,
        name: column.name.to_owned(),
        kind: ingest::Kind::Int.into(),
        ..ColumnSchema::default()
    }
}

#[tokio::test]
async fn a_station_that_says_where_its_clients_are_is_refused() {
    let fixture = Fixture::new(quick()).await;
    let mut of_a_row = hello("spool");
    let client_asn = column(FLOWS.columns, "client_asn");
    described(&mut of_a_row, "flows").columns.push(integer(client_asn));

    let Kind::List(probe) = column(TRACES.columns, "probes").kind else { panic!("no list") };
    let Kind::Struct(fields) = probe.kind else { panic!("no structs") };
    let mut of_a_probe = hello("spool");
    let probes = described(&mut of_a_probe, "traces").columns.iter_mut();
    let item = &mut probes.into_iter().find(|column| column.name == "probes").unwrap().children[0];
    item.children.push(integer(column(fields, "reply_asn")));
    // The item of a list is the item whatever it is called.
    item.id = 77;

    for (hello, expected) in [
        (of_a_row, "column client_asn of table flows is filled by the collector"),
        (of_a_probe, "column reply_asn of table traces is filled by the collector"),
    ] {
        let mut station = Station::connect(fixture.channel().await, None).await.unwrap();
        station.hello(hello).await;
        let status = station.refused().await;
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, expected));
    }
}

#[tokio::test]
async fn a_batch_that_says_so_behind_its_hello_is_quarantined() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    let message = zstd::decode_all(encode(&distinct(&FLOWS, 1, 1)).as_slice()).unwrap();
    let mut columns = Columns::decode(message.as_slice()).unwrap();
    let id = column(FLOWS.columns, "client_asn").id;
    columns.columns.push(ingest::Column { id, deltas: vec![64_500], ..Default::default() });
    let payload = zstd::bulk::compress(&columns.encode_to_vec(), 1).unwrap();
    station.batch(1, "flows", payload).await;
    station.rows(2, &FLOWS, 1).await;

    let rejects = station.acknowledged(2).await;
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0].detail, format!("column {id} was not described"));
    assert_eq!(fixture.number("SELECT count(*) FROM flows").await, 1);
    assert_eq!(fixture.number("SELECT count(client_asn) FROM flows").await, 0);
}
