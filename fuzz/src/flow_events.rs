//! A line of the event socket: understood or refused.

use trigpoint_mlab::{FlowEvent, MAX_LINE_BYTES};

/// What is understood is written as it was meant, on one line.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn check(input: &[u8]) {
    let Ok(line) = str::from_utf8(input) else { return };
    let Ok(event) = FlowEvent::parse(line) else { return };
    assert!(line.len() <= MAX_LINE_BYTES);
    let written = event.to_json();
    assert!(!written.contains('\n'));
    // Escapes and spaces are gone, and what is left out has been `null`.
    if written.len() <= MAX_LINE_BYTES {
        assert_eq!(FlowEvent::parse(&written).ok(), Some(event));
    }
}
