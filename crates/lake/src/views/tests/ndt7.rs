//! Tests in M-Lab's shape.

use trigpoint_record::tables::SPEED_TESTS;
use trigpoint_record::tables::speed_tests::{Direction, LastReading, SpeedTest};
use trigpoint_tcpinfo::{TcpInfo, field};

use super::rows::{annotated, append, lake, speed_test, station, world};
use crate::testing::csv;

/// The last measurement of m-lab/etl's `parser/testdata/NDT7Result`, and what its
/// `parser/ndt7_result_test.go` expects of it.
#[tokio::test]
async fn the_summary_is_that_of_mlabs_parser() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let info = |acked, received, retransmitted, sent, min_rtt| {
        let value = |index| match index {
            field::BYTES_ACKED => Some(acked),
            field::BYTES_RECEIVED => Some(received),
            field::BYTES_RETRANS => Some(retransmitted),
            field::BYTES_SENT => Some(sent),
            field::MIN_RTT_US => Some(min_rtt),
            _ => Some(0),
        };
        TcpInfo::from_columns(280, value, &[]).unwrap()
    };
    let down = info(48_396_999, 0, 6_957_479, 57_838_400, 285_804);
    let up = info(0, 3_356_080, 0, 0, 173_733);
    let test = |n, direction, elapsed_us, tcp_info| SpeedTest {
        last: Some(LastReading { elapsed_us, tcp_info }),
        ..speed_test(n, direction)
    };
    let tests = [
        test(1, Direction::Download, 10_000_921, down),
        test(2, Direction::Upload, 10_000_111, up),
    ];
    let rows = tests.map(|test| annotated(test, &station("lga03", ""), None));
    append(&lake, &SPEED_TESTS, rows.into()).await;
    let sql = "SELECT a.MeanThroughputMbps, a.MinRTT, a.LossRate FROM ndt.ndt7 ORDER BY id";
    let loss = 6_957_479.0 / 57_838_400.0;
    let expected =
        [format!("38.714033637501984,285.804,{loss}"), "2.6848341983403983,173.733,".to_owned()];
    assert_eq!(csv(&lake, sql).await, expected);
}

#[tokio::test]
async fn a_row_has_the_download_or_the_upload() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    let counts = "SELECT count(*), count(raw.Download.UUID), countif(raw.Upload IS NOT NULL),
        countif(raw.Upload.UUID = id) FROM ndt.ndt7_union";
    assert_eq!(csv(&lake, counts).await, ["6,5,1,1"]);
    let fields = "SELECT raw.ServerIP, raw.ServerPort, raw.ClientPort, server.Site,
            client.Network.Systems[OFFSET(0)].ASNs[OFFSET(0)],
            raw.Download.ServerMeasurements[1].TCPInfo.WScale,
            raw.Download.ServerMeasurements[1].AppInfo.NumBytes,
            raw.Download.ServerMeasurements[1].BBRInfo IS NULL,
            raw.Download.ClientMetadata[1].Name, raw.Download.ServerMetadata[1].Value
        FROM ndt.ndt7 WHERE a.MeanThroughputMbps = 10";
    let expected = "203.0.113.1,443,5000,lga03,7922,151,7,true,client_os,stable";
    assert_eq!(csv(&lake, fields).await, [expected]);
}

#[tokio::test]
async fn a_unified_row_is_in_mlabs_units() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    let sql = "SELECT a.Direction, a.CongestionControl, a.MeanThroughputMbps, a.MinRTT, a.LossRate,
            metadata.Protocol, metadata.View, client.IP, client.Port, client.Geo.Missing,
            client.Geo.Region IS NULL, server.Machine, Verdict
        FROM ndt.unified_downloads WHERE a.MeanThroughputMbps = 20";
    let expected = "Download,cubic,20.0,20.0,0.2,ndt7-IPv4-WSS,extended_ndt7_downloads,\
        198.51.100.2,5000,false,true,mlab1,";
    assert_eq!(csv(&lake, sql).await, [expected]);
    let upload = "SELECT a.Direction, a.LossRate FROM ndt.unified_uploads";
    assert_eq!(csv(&lake, upload).await, ["Upload,"]);
}

#[tokio::test]
async fn every_connection_is_annotated() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    let sql = "SELECT id, client.Geo.City, client.Network.ASNumber, server.Site,
        client.Network.Systems IS NULL FROM ndt.annotation2 ORDER BY id";
    let expected = [
        "pod_1700000000_0000000000000001,Baltimore,7922,lga03,false",
        "pod_1700000000_0000000000000005,Baltimore,7922,lga03,false",
        "pod_1700000000_0000000000000009,,,lga03,true",
    ];
    assert_eq!(csv(&lake, sql).await, expected);
}

#[tokio::test]
async fn snapshots_have_mlabs_names() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    let sql = "SELECT n, ElapsedTime, BytesAcked, RTT, MinRTT, SndCwnd, wscale, PMTU
        FROM ndt.snapshots_flat WHERE Site = 'lga03' ORDER BY n";
    let expected = [
        "0,0,0,30000,20000,80,151,0",
        "1,10000,1000,30000,20000,80,151,0",
        "2,20000,2000,30000,20000,80,151,0",
    ];
    assert_eq!(csv(&lake, sql).await, expected);
}
