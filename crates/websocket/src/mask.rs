//! Masking (RFC 6455 5.3).

/// Masks or unmasks a part of a payload in place; masking is its own inverse.
/// `offset` is the place of `payload[0]` in the frame's payload.
pub fn unmask(payload: &mut [u8], key: [u8; 4], offset: u64) {
    let mut key = key;
    key.rotate_left((offset % 4) as usize);
    // Eight bytes at a time: the compiler turns this into vector instructions.
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (chunks, rest) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        unmask(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&payload, b"Hello");
    }

    proptest! {
        #[test]
        fn in_pieces_is_the_same_as_whole(
            payload: Vec<u8>, key: [u8; 4], cut: prop::sample::Index
        ) {
            let expected: Vec<u8> =
                payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            let cut = cut.index(payload.len() + 1);
            let mut pieces = payload;
            let (head, tail) = pieces.split_at_mut(cut);
            unmask(head, key, 0);
            unmask(tail, key, cut as u64);
            prop_assert_eq!(pieces, expected);
        }
    }
}
