use proptest::prelude::*;

use super::*;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn header(fin: bool, opcode: Opcode, masked: Option<[u8; 4]>, payload_len: u64) -> Header {
    Header { fin, opcode, masked, payload_len }
}

/// The examples of RFC 6455 5.7.
#[test]
fn examples_of_the_rfc() {
    let cases: [(&[u8], Header, usize); 6] = [
        (&[0x81, 0x05], header(true, Opcode::Text, None, 5), 2),
        (&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d], header(true, Opcode::Text, Some(KEY), 5), 6),
        (&[0x01, 0x03], header(false, Opcode::Text, None, 3), 2),
        (&[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d], header(true, Opcode::Pong, Some(KEY), 5), 6),
        (&[0x82, 0x7e, 0x01, 0x00], header(true, Opcode::Binary, None, 256), 4),
        (&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], header(true, Opcode::Binary, None, 65536), 10),
    ];
    for (bytes, expected, len) in cases {
        assert_eq!(parse_header(bytes), Ok(Some((expected, len))));
        for short in 0..len {
            assert_eq!(parse_header(&bytes[..short]), Ok(None), "{bytes:x?} cut at {short}");
        }
    }
}

#[test]
fn lengths_take_the_fewest_bytes() {
    for (len, expected) in [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10), (1 << 40, 10)] {
        assert_eq!(encode_header(true, Opcode::Binary, len, None).len(), expected);
        assert_eq!(encode_header(true, Opcode::Binary, len, Some(KEY)).len(), expected + 4);
    }
}

#[test]
fn violations_have_their_error() {
    let cases: [(&[u8], ProtocolError); 9] = [
        (&[0xc2, 0x00], ProtocolError::ReservedBits(0x40)),
        (&[0x92, 0x00], ProtocolError::ReservedBits(0x10)),
        (&[0x83, 0x00], ProtocolError::ReservedOpcode(0x3)),
        (&[0x8b, 0x00], ProtocolError::ReservedOpcode(0xb)),
        (&[0x09, 0x00], ProtocolError::ControlFragmented),
        (&[0x89, 0x7e, 0x00, 0x7e], ProtocolError::ControlTooLong(126)),
        (&[0x82, 0x7e, 0x00, 0x7d], ProtocolError::LengthNotMinimal(125)),
        (&[0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff], ProtocolError::LengthNotMinimal(65535)),
        (&[0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0], ProtocolError::LengthTooLarge(1 << 63)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(parse_header(bytes), Err(expected));
        assert_eq!(expected.close_code(), crate::CloseCode::PROTOCOL_ERROR);
    }
}

#[test]
fn a_small_frame_is_masked_whole() {
    assert_eq!(encode_frame(Opcode::Text, b"Hello", None), b"\x81\x05Hello");
    assert_eq!(
        encode_frame(Opcode::Text, b"Hello", Some(KEY)),
        [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
    );
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed(
        fin: bool,
        opcode in prop::sample::select(vec![Opcode::Continuation, Opcode::Text, Opcode::Binary]),
        payload_len in prop_oneof![0..300_u64, 65_000..66_000_u64, 0..(1_u64 << 63)],
        masked: Option<[u8; 4]>,
        tail: Vec<u8>,
    ) {
        let bytes = encode_header(fin, opcode, payload_len, masked);
        let expected = Header { fin, opcode, masked, payload_len };
        let stream = [&bytes[..], &tail].concat();
        prop_assert_eq!(parse_header(&stream), Ok(Some((expected, bytes.len()))));
    }
}
