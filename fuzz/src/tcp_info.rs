//! `struct tcp_info` and the congestion-control blocks, of any length.

use trigpoint_tcpinfo::{Congestion, FIELD_COUNT, TcpInfo, changed};

/// The first byte is the attribute's number for the congestion-control blocks.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn check(input: &[u8]) {
    let Some((&attribute, bytes)) = input.split_first() else { return };
    let info = TcpInfo::decode(bytes);
    assert_eq!(info.encode(), bytes);
    assert_eq!(info.len(), bytes.len());
    let stored = TcpInfo::from_columns(bytes.len(), |index| info.get(index), info.tail());
    assert_eq!(stored.map(|info| info.encode()).as_deref(), Some(bytes));

    // An older kernel's shorter structure says the same as far as it goes.
    let half = TcpInfo::decode(&bytes[..bytes.len() / 2]);
    for index in 0..FIELD_COUNT {
        assert!(half.raw(index).is_none_or(|value| info.raw(index) == Some(value)));
    }
    assert!(!changed(bytes, bytes));

    if let Some(congestion) = Congestion::decode(attribute.into(), bytes) {
        assert_eq!(congestion.encode(), (attribute.into(), bytes.to_vec()));
    }
}
