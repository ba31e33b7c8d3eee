//! The constants of ndt7, named as in the specification and in M-Lab's
//! `ndt7/spec/spec.go`.

use std::time::Duration;

/// `Sec-WebSocket-Protocol`, which must be exactly this.
pub const SEC_WEBSOCKET_PROTOCOL: &str = "net.measurementlab.ndt.v7";
/// Path of the download test: the server sends.
pub const DOWNLOAD_URL_PATH: &str = "/ndt/v7/download";
/// Path of the upload test: the client sends.
pub const UPLOAD_URL_PATH: &str = "/ndt/v7/upload";
/// Bytes a query string may have.
pub const MAX_QUERY_BYTES: usize = 4096;

/// How long the sending side sends.
pub const DEFAULT_RUNTIME: Duration = Duration::from_secs(10);
/// The longest a test may take with all its waiting.
pub const MAX_RUNTIME: Duration = Duration::from_secs(15);
/// How long a client waits for one read or write before it gives up. From
/// M-Lab's clients; the specification has no such limit.
pub const IO_TIMEOUT: Duration = Duration::from_secs(7);

/// Mean time between two measurements.
pub const AVERAGE_POISSON_SAMPLING_INTERVAL: Duration = Duration::from_millis(250);
/// Shortest time between two measurements.
pub const MIN_POISSON_SAMPLING_INTERVAL: Duration = Duration::from_millis(25);
/// Longest time between two measurements.
pub const MAX_POISSON_SAMPLING_INTERVAL: Duration = Duration::from_millis(625);

/// Payload bytes of the first binary message.
pub const INITIAL_MESSAGE_SIZE: usize = 1 << 13;
/// Payload bytes up to which messages grow. Clients refuse longer ones.
pub const MAX_SCALED_MESSAGE_SIZE: usize = 1 << 20;
/// A message is at most this fraction of what was sent before it.
pub const SCALING_FRACTION: u64 = 16;
/// Payload bytes of the longest message that a receiver must accept.
pub const MAX_MESSAGE_SIZE: u64 = 1 << 24;

/// The only value of the parameter `early_exit`, in megabytes.
pub const VALID_EARLY_EXIT_VALUE: &str = "250";
/// Acknowledged bytes after which a download with `early_exit` ends.
pub const EARLY_EXIT_BYTES: u64 = 250_000_000;

/// Status code of the Close frame that ends a test: normal closure.
pub const CLOSE_CODE: u16 = 1000;
/// Reason in that frame, the same in both directions.
pub const CLOSE_REASON: &str = "Done sending";
