//! The Internet checksum (RFC 1071).

/// The ones' complement sum of 16-bit big-endian words; an odd last byte counts as
/// if a zero followed.
pub fn ones_complement_sum(bytes: &[u8]) -> u16 {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let words = pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair)));
    let last = odd.first().map_or(0, |byte| u64::from(*byte) << 8);
    fold(words.sum::<u64>() + last)
}

/// Adds the carries back in until none is left.
pub fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        let sum = ones_complement_sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum, 0xddf2);
    }

    #[test]
    fn an_odd_byte_is_the_high_half_of_a_word() {
        assert_eq!(ones_complement_sum(&[1, 2, 3]), 0x0102 + 0x0300);
    }
}
