//! Care of the tables beside the ingest.

use std::time::Duration;

use tokio::time::timeout;
use trigpoint_lake::Compaction;
use trigpoint_record::tables::FLOWS;

use crate::{
    Maintenance, Settings,
    testing::{Fixture, quick},
};

/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_merged_while_batches_come_and_no_row_is_lost() {
    let maintenance = Maintenance {
        interval: Duration::from_millis(20),
        compaction: Compaction { small_files: 1, ..Compaction::default() },
        ..Maintenance::default()
    };
    let fixture = Fixture::new(Settings { maintenance: Some(maintenance), ..quick() }).await;
    let mut station = fixture.station("spool").await;
    for seq in 1..=6 {
        station.rows(seq, &FLOWS, 3).await;
        station.acknowledged(seq).await;
    }
    let compacted = fixture.reaches("trigpoint_collector_compactions_total", 1);
    timeout(DEADLINE, compacted).await.expect("nothing was compacted");
    assert!(fixture.metric("trigpoint_collector_compacted_files_total") > 1);
    assert_eq!(fixture.metric("trigpoint_collector_maintenance_failures_total"), 0);
    assert_eq!(fixture.rows("flows").await, (18, 18));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_files_are_merged_long_before_the_next_round() {
    let maintenance = Maintenance {
        interval: Duration::from_hours(1),
        compaction: Compaction { small_files: 3, ..Compaction::default() },
        ..Maintenance::default()
    };
    let fixture = Fixture::new(Settings { maintenance: Some(maintenance), ..quick() }).await;
    let mut station = fixture.station("spool").await;
    for seq in 1..=4 {
        assert_eq!(fixture.metric("trigpoint_collector_compactions_total"), 0);
        station.rows(seq, &FLOWS, 3).await;
        station.acknowledged(seq).await;
    }
    let compacted = fixture.reaches("trigpoint_collector_compactions_total", 1);
    timeout(DEADLINE, compacted).await.expect("nothing was compacted");
    assert_eq!(fixture.metric("trigpoint_collector_compacted_files_total"), 4);
    assert_eq!(fixture.rows("flows").await, (12, 12));
}
