//! An ICMP message as a raw socket sees it.

use trigpoint_prober::packet::{Body, Icmp, IpHeader, Payload, ones_complement_sum};

/// The whole input is a message of either version; for ICMP its checksum is made right
/// first, or nothing behind it would ever be read.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn check(input: &[u8]) {
    let mut message = input.to_vec();
    if let Some(checksum) = message.get_mut(2..4) {
        checksum.fill(0);
        let sum = !ones_complement_sum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        inside(Icmp::parse_v4(&message), &message);
    }
    inside(Icmp::parse_v6(input), input);
    if let Some(header) = IpHeader::parse(input) {
        assert!(header.length <= input.len());
    }
    let _ = Payload::new("https://example.net").nonce_at_end(input);
}

/// What is quoted lies inside of the message.
fn inside(icmp: Option<Icmp<'_>>, message: &[u8]) {
    match icmp.map(|icmp| icmp.body) {
        Some(Body::Error(quote)) => {
            assert!(quote.transport.len() >= 8);
            assert!(8 + quote.ip.length + quote.transport.len() <= message.len());
            let _ = Payload::nonce(&quote.transport[8..]);
        }
        Some(Body::EchoReply { payload, .. }) => assert_eq!(payload.len() + 8, message.len()),
        None => {}
    }
}
