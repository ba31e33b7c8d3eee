//! One test from the agreed upgrade to its row.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use rustix::net::sockopt;
use tokio::net::TcpStream;
use tracing::{debug, warn};
use trigpoint_ndt7::{ConnectionInfo, Direction};
use trigpoint_record::tables::speed_tests::{self, SpeedTest, Tls, Transport as Scheme};
use trigpoint_sockdiag::SocketKey;
use trigpoint_transport::Transport;

use crate::backlog::Backlog;
use crate::exchange::{End, Exchange};
use crate::handshake::Agreed;
use crate::{Shared, clock};

/// A connection on which a test was agreed.
pub(crate) struct Upgraded {
    pub(crate) transport: Transport,
    pub(crate) early: Bytes,
    pub(crate) agreed: Agreed,
    pub(crate) tls: Option<Tls>,
}

/// Runs the test to its end and hands its row over.
pub(crate) async fn run(shared: &Arc<Shared>, upgraded: Upgraded) {
    let Upgraded { transport, early, agreed, tls } = upgraded;
    let socket = transport.socket();
    let (local, remote, cookie) = match identity(socket) {
        Ok(identity) => identity,
        // The client was gone before the test began.
        Err(error) => return debug!(%error, "a client left during its handshake"),
    };
    prepare(socket, agreed.direction, shared.congestion_control.as_deref());
    let congestion_control = sockopt::tcp_congestion(socket).ok();

    let key = SocketKey::new(local, remote, cookie);
    let flow_id = shared.prefix.flow_id(cookie);
    shared.recording.test_started(cookie, flow_id.as_str().to_owned());
    if let Some(events) = &shared.events {
        events.test_started(cookie, flow_id.as_str().to_owned());
    }
    // The polls are due from the start of the measurement on, to the microsecond.
    let start_time = shared.watcher.watch(key).wall_us;
    let started = Instant::now();
    let connection = ConnectionInfo {
        client: key.remote.to_string(),
        server: key.local.to_string(),
        uuid: flow_id.as_str().to_owned(),
        start_time: DateTime::<Utc>::from_timestamp_micros(start_time)
            .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
    };
    let Agreed { direction, query, admitted } = agreed;
    let mut exchange =
        Exchange::new(transport, early, direction, query.early_exit_bytes, connection, started);
    let application_bytes = exchange.application_bytes();
    let samples = shared.measurer.measure(
        key,
        started + shared.test_duration,
        Arc::clone(&application_bytes),
    );
    let End { reason, detail, .. } =
        exchange.run(samples, started + shared.max_runtime, &shared.shutdown).await;
    shared.watcher.unwatch(cookie);

    let test = SpeedTest {
        test_id: flow_id.as_str().to_owned(),
        flow_id,
        opened_time: start_time,
        direction: match direction {
            Direction::Download => speed_tests::Direction::Download,
            Direction::Upload => speed_tests::Direction::Upload,
        },
        transport: if tls.is_some() { Scheme::Wss } else { Scheme::Ws },
        client: key.remote,
        server: key.local,
        start_time,
        end_time: clock::unix_us(),
        elapsed_us: started.elapsed().as_micros() as u64,
        end_reason: reason,
        end_detail: detail,
        client_close_code: exchange.client_close_code,
        client_metadata: query
            .client_metadata
            .into_iter()
            .map(|metadata| (metadata.name, metadata.value))
            .collect(),
        server_metadata: shared.server_metadata.clone(),
        server_measurements: exchange.server_measurements,
        client_measurements: exchange.client_measurements,
        application_bytes: application_bytes.load(std::sync::atomic::Ordering::Relaxed),
        socket_written_bytes: exchange.transport.written_bytes(),
        socket_read_bytes: exchange.transport.read_bytes(),
        last: exchange.last,
        congestion_control,
        congestion_control_requested: shared.congestion_control.clone(),
        tls,
    };
    shared.metrics.ended(test.direction, test.transport, reason, test.throughput_bits_per_s());
    shared.recording.test_ended(cookie, test);
    drop(exchange.transport);
    admitted.ended(reason);
}

fn identity(socket: &TcpStream) -> std::io::Result<(SocketAddr, SocketAddr, u64)> {
    Ok((socket.local_addr()?, socket.peer_addr()?, sockopt::socket_cookie(socket)?))
}

/// Options of a test's socket. A refused one costs quality, not the test.
fn prepare(socket: &TcpStream, direction: Direction, congestion_control: Option<&str>) {
    if let Some(algorithm) = congestion_control
        && let Err(error) = sockopt::set_tcp_congestion(socket, algorithm)
    {
        warn!(%error, algorithm, "cannot set the congestion control of a test");
    }
    if direction == Direction::Download {
        Backlog::UNKNOWN.apply(socket);
    }
}
