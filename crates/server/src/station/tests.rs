//! What a station does before it runs, which is nothing.

use futures::StreamExt as _;
use tokio::time::timeout;

use super::*;
use crate::tests;

/// So long that an uplink would have come, and come again.
const LONG: Duration = Duration::from_hours(1);

/// Its executable may be refused something else by then, and has to say that and
/// nothing more.
#[tokio::test(start_paused = true)]
async fn a_station_that_does_not_run_yet_looks_for_no_collector() {
    trigpoint_process::tls::install_provider();
    let directory = tempfile::tempdir().unwrap();
    let (pipe, mut incoming) = trigpoint_uplink::pipe();
    let settings = Settings {
        server: tests::settings(directory.path()),
        admin_port: None,
        identity: trigpoint_record::Station::default(),
        prefix: FlowIdPrefix::new("host", 1_700_000_000),
        spool_directory: directory.path().join("spool"),
        spool: trigpoint_spool::Settings::default(),
        collector: Some(Endpoint::Pipe(pipe)),
        flush_deadline: Duration::ZERO,
    };
    let station = Station::assemble(settings).unwrap();
    // The clock goes on when everything that could be done is done.
    assert!(timeout(LONG, incoming.next()).await.is_err(), "it came");

    let shutdown = Shutdown::new();
    let running = tokio::spawn(station.run(shutdown.clone()));
    assert!(incoming.next().await.is_some());
    shutdown.advance(Phase::Done);
    running.await.unwrap().unwrap();
}
