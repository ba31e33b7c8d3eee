//! Control messages beside a datagram, and an address.

use trigpoint_prober::packet::{Control, mpls_labels, socket_address};

/// The whole input is a control buffer, an address and an ICMP extension.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn check(input: &[u8]) {
    let control = Control::parse(input);
    assert!(control.stamp_ns != Some(0), "no stamp is none, not zero");
    if let Some(at) = control.error.and_then(|error| error.extension_at) {
        assert!(at > 0);
    }
    let _ = socket_address(input);
    let labels = mpls_labels(input);
    assert!(labels.len() * 4 <= input.len());
    assert!(labels.iter().all(|label| label.label < 1 << 20 && label.traffic_class < 8));
}
