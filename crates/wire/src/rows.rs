//! How many rows a payload holds, without decoding them.

use std::io::Read as _;

use crate::scan;

/// The first field of a message, whatever its number.
const FIRST_FIELD_BYTES: u64 = 16;

/// The number of rows of a payload of [`crate::encode`]; `None` of other bytes.
///
/// For payloads of the own spool: it believes what the payload says.
pub fn rows(payload: &[u8]) -> Option<u64> {
    let frame = zstd::stream::read::Decoder::with_buffer(payload).ok()?;
    let mut beginning = Vec::new();
    frame.take(FIRST_FIELD_BYTES).read_to_end(&mut beginning).ok()?;
    // An empty message stands for no rows.
    if beginning.is_empty() { Some(0) } else { scan::rows(&beginning) }
}
