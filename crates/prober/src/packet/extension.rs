//! Extensions of ICMP messages (RFC 4884), of which MPLS label stacks are read (RFC 4950).

use super::bytes::{array, be16};
use super::checksum::ones_complement_sum;

/// One entry of the label stack with which a probe arrived at a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MplsLabel {
    /// 20 bits.
    pub label: u32,
    /// Traffic class (formerly EXP), 3 bits.
    pub traffic_class: u8,
    /// Whether it is the bottom of the stack.
    pub is_bottom: bool,
    /// TTL of the label.
    pub ttl: u8,
}

const VERSION: u8 = 2;
const HEADER_BYTES: usize = 4;
const MPLS: [u8; 2] = [1, 1];

/// The labels, top first, of an extension structure; none if it is no such structure
/// or its checksum is wrong (zero stands for "none was computed").
pub fn mpls_labels(structure: &[u8]) -> Vec<MplsLabel> {
    if structure.first().is_none_or(|byte| byte >> 4 != VERSION) {
        return Vec::new();
    }
    if be16(structure, 2).is_none_or(|sum| sum != 0 && ones_complement_sum(structure) != 0xffff) {
        return Vec::new();
    }
    let mut labels = Vec::new();
    let mut rest = structure.get(HEADER_BYTES..).unwrap_or_default();
    while let (Some(length), Some(kind)) = (be16(rest, 0), array::<2>(rest, 2)) {
        let Some(object) = rest.get(HEADER_BYTES..usize::from(length)) else { break };
        if kind == MPLS {
            labels.extend(object.as_chunks::<4>().0.iter().map(|word| MplsLabel::from(*word)));
        }
        rest = &rest[usize::from(length)..];
    }
    labels
}

impl From<[u8; 4]> for MplsLabel {
    fn from(word: [u8; 4]) -> Self {
        let number = u32::from_be_bytes(word);
        Self {
            label: number >> 12,
            traffic_class: (number >> 9 & 7) as u8,
            is_bottom: number & 0x100 != 0,
            ttl: word[3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels 100 and 200000, as a router of two networks deep writes them.
    fn structure() -> Vec<u8> {
        let mut bytes = vec![0x20, 0, 0, 0];
        // An object of another class goes before.
        bytes.extend([0, 8, 2, 0, 1, 2, 3, 4]);
        bytes.extend([0, 12, 1, 1]);
        bytes.extend((100_u32 << 12 | 0xa01).to_be_bytes());
        bytes.extend((200_000_u32 << 12 | 0x1fe).to_be_bytes());
        let sum = !ones_complement_sum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    #[test]
    fn a_label_stack() {
        let labels = mpls_labels(&structure());
        let first = MplsLabel { label: 100, traffic_class: 5, is_bottom: false, ttl: 1 };
        let last = MplsLabel { label: 200_000, traffic_class: 0, is_bottom: true, ttl: 254 };
        assert_eq!(labels, [first, last]);
    }

    #[test]
    fn a_wrong_version_or_checksum_says_nothing_and_no_checksum_is_accepted() {
        let good = structure();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(mpls_labels(&bad), [], "byte {at}");
        }
        let mut unsummed = good;
        unsummed[2..4].fill(0);
        assert_eq!(mpls_labels(&unsummed).len(), 2);
    }

    #[test]
    fn an_object_that_is_cut_off_or_has_no_length_ends_the_reading() {
        for cut in 0..24 {
            assert!(mpls_labels(&structure()[..cut]).is_empty());
        }
        assert_eq!(mpls_labels(&[0x20, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]), []);
    }
}
