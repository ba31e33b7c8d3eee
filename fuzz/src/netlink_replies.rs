//! A datagram from netlink: messages and sockets, or an error.

use trigpoint_sockdiag::{Datagram, FrameKind, SocketMessage};

/// The whole input is one datagram, and once more the payload of one message.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn check(input: &[u8]) {
    for frame in Datagram::new(input) {
        if let Ok(frame) = frame
            && let FrameKind::Socket(bytes) = frame.kind
        {
            socket(bytes);
        }
    }
    socket(input);
}

fn socket(bytes: &[u8]) {
    let Ok(message) = SocketMessage::parse(bytes) else { return };
    assert!(!message.changed_since(&message));
    if let Some(info) = &message.tcp_info {
        assert_eq!(info.encode(), message.tcp_info_bytes);
    }
}
