//! A peer's byte stream: read or refused, the same however it is cut.

use trigpoint_websocket::{Event, Limits, ProtocolError, Reader, Role};
use trigpoint_websocket::{encode_header, parse_header};

/// The first byte chooses the role and the size of the pieces.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn check(input: &[u8]) {
    let Some((&choice, stream)) = input.split_first() else { return };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let piece = usize::from(choice >> 1).max(1);
    assert_eq!(read(role, stream, stream.len().max(1)), read(role, stream, piece));

    if let Ok(Some((header, len))) = parse_header(stream) {
        let encoded = encode_header(header.fin, header.opcode, header.payload_len, header.masked);
        assert_eq!(&encoded[..], &stream[..len]);
    }
}

/// The events, with payload that was skipped as one sum, and the error at
/// which reading stopped.
fn read(role: Role, stream: &[u8], piece: usize) -> (Vec<Event>, u64, Option<ProtocolError>) {
    let mut reader = Reader::new(role, Limits { message_bytes: 1 << 24, text_bytes: 1 << 10 });
    let (mut events, mut skipped) = (Vec::new(), 0);
    for mut bytes in stream.chunks(piece) {
        while !bytes.is_empty() {
            match reader.read(bytes) {
                Ok((taken, event)) => {
                    assert!(event.is_some() || taken == bytes.len(), "bytes were left behind");
                    bytes = &bytes[taken..];
                    match event {
                        Some(Event::Discarded(n)) => skipped += n,
                        Some(event) => events.push(event),
                        None => {}
                    }
                }
                Err(error) => return (events, skipped, Some(error)),
            }
        }
    }
    (events, skipped, None)
}
