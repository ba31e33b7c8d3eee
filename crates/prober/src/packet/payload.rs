//! The payload of a probe: which probe it is, and whom to ask about it.
//!
//! ```text
//!  0        8         10
//!  | nonce  | balance | contact URL, zeros up to an even length of at least 24 |
//! ```
//! `balance` keeps the sum of the payload constant, so that no header of a flow's
//! probes differs in anything but TTL and IP identification: routers that hash a
//! checksum (ICMP has no ports) send them all the same way (Paris traceroute).

use super::bytes::array;
use super::checksum::{fold, ones_complement_sum};

/// Which probe an answer is for: only who has seen the probe knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(pub u64);

impl Nonce {
    /// The first two bytes: an echo request's sequence number.
    pub fn sequence(self) -> u16 {
        (self.0 >> 48) as u16
    }
}

/// The payload of all probes of one prober but for their nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    template: Vec<u8>,
}

const NONCE_BYTES: usize = 8;
const BALANCE_AT: usize = NONCE_BYTES;
const CONTACT_AT: usize = BALANCE_AT + 2;
/// With IPv4 and UDP headers a full frame of Ethernet: drivers pad shorter ones,
/// and the padding would follow the payload in the kernel's copy.
const LEAST_BYTES: usize = 24;

impl Payload {
    /// Longest contact, bytes: what a router quotes of a packet of 576 bytes has room for it.
    pub const CONTACT_BYTES: usize = 256;

    /// A payload that carries `contact`, cut at [`Self::CONTACT_BYTES`].
    pub fn new(contact: &str) -> Self {
        let contact = &contact.as_bytes()[..contact.len().min(Self::CONTACT_BYTES)];
        let mut template = vec![0; CONTACT_AT];
        template.extend_from_slice(contact);
        let length = template.len().max(LEAST_BYTES).next_multiple_of(2);
        template.resize(length, 0);
        Self { template }
    }

    /// Its length, bytes; always even.
    pub fn length(&self) -> usize {
        self.template.len()
    }

    /// Appends a probe's payload to `packet`, whose length must be even. The sum of
    /// `packet` from `from` on is `sum` for every nonce.
    pub fn write(&self, nonce: Nonce, packet: &mut Vec<u8>, from: usize, sum: u16) {
        let start = packet.len();
        packet.extend_from_slice(&self.template);
        packet[start..start + NONCE_BYTES].copy_from_slice(&nonce.0.to_be_bytes());
        let rest = ones_complement_sum(&packet[from..]);
        let balance = fold(u64::from(sum) + u64::from(!rest));
        let at = start + BALANCE_AT;
        packet[at..at + 2].copy_from_slice(&balance.to_be_bytes());
    }

    /// The nonce at the start of a quoted payload, if so much was quoted.
    pub fn nonce(quoted: &[u8]) -> Option<Nonce> {
        array(quoted, 0).map(u64::from_be_bytes).map(Nonce)
    }

    /// The nonce in the kernel's copy of a whole packet, whose headers are of
    /// whatever link it left by: the payload is its end.
    pub fn nonce_at_end(&self, packet: &[u8]) -> Option<Nonce> {
        Self::nonce(packet.get(packet.len().checked_sub(self.length())?..)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_sum_of_a_flows_probes_never_changes(
            nonce: u64, header: [u8; 8], sum in 1..=u16::MAX, contact in ".{0,40}",
        ) {
            let mut packet = header.to_vec();
            Payload::new(&contact).write(Nonce(nonce), &mut packet, 0, sum);
            prop_assert_eq!(ones_complement_sum(&packet), sum);
        }

        #[test]
        fn a_nonce_is_found_in_a_quote_and_behind_unknown_headers(nonce: u64, headers in 0..80_usize) {
            let payload = Payload::new("https://example.net/probing");
            let mut packet = vec![7; headers * 2];
            payload.write(Nonce(nonce), &mut packet, 0, 1);
            prop_assert_eq!(payload.nonce_at_end(&packet), Some(Nonce(nonce)));
            prop_assert_eq!(Payload::nonce(&packet[headers * 2..]), Some(Nonce(nonce)));
        }
    }

    #[test]
    fn a_contact_is_readable_and_bounded() {
        let mut packet = Vec::new();
        Payload::new("https://example.net/probing").write(Nonce(1), &mut packet, 0, 1);
        assert!(String::from_utf8_lossy(&packet).contains("https://example.net/probing"));
        assert!(Payload::new(&"x".repeat(100_000)).length() < 300);
        assert_eq!(Payload::new("").length(), 24);
    }
}
