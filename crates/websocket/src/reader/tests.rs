use proptest::prelude::*;

use super::*;
use crate::{CloseCode, close_payload, encode_frame, encode_header};

const KEY: [u8; 4] = [1, 2, 3, 4];
const LIMITS: Limits = Limits { message_bytes: 1 << 24, text_bytes: 1 << 16 };

/// A fragment as a client sends it.
fn fragment(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = encode_header(fin, opcode, payload.len() as u64, Some(KEY)).to_vec();
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    unmask(&mut bytes[start..], KEY, 0);
    bytes
}

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    encode_frame(opcode, payload, Some(KEY))
}

/// Everything but [`Event::Header`], with adjacent discards added up, when
/// `stream` comes in pieces of `piece` bytes.
fn read_in_pieces(stream: &[u8], piece: usize) -> Result<Vec<Event>, ProtocolError> {
    let mut reader = Reader::new(Role::Server, LIMITS);
    let mut events = Vec::new();
    for mut bytes in stream.chunks(piece.max(1)) {
        while !bytes.is_empty() {
            let (taken, event) = reader.read(bytes)?;
            bytes = &bytes[taken..];
            match (event, events.last_mut()) {
                (Some(Event::Discarded(n)), Some(Event::Discarded(sum))) => *sum += n,
                (Some(Event::Header(_)) | None, _) => {}
                (Some(event), _) => events.push(event),
            }
        }
    }
    Ok(events)
}

fn read(stream: &[u8]) -> Result<Vec<Event>, ProtocolError> {
    read_in_pieces(stream, usize::MAX)
}

/// A session with every kind of frame, and what it says.
fn session() -> (Vec<u8>, Vec<Event>) {
    let stream = [
        fragment(false, Opcode::Binary, &[7; 300]),
        frame(Opcode::Ping, b"1795293068957636670"),
        fragment(false, Opcode::Continuation, &[]),
        fragment(true, Opcode::Continuation, &vec![7; 70_000]),
        fragment(false, Opcode::Text, "{\"a\":\"\u{fc}".as_bytes().split_at(7).0),
        frame(Opcode::Pong, b""),
        fragment(true, Opcode::Continuation, "{\"a\":\"\u{fc}\"}".as_bytes().split_at(7).1),
        frame(Opcode::Binary, &[]),
        frame(Opcode::Text, b""),
        frame(Opcode::Close, &close_payload(CloseCode::NORMAL, "Done sending")),
        b"anything after the Close".to_vec(),
    ]
    .concat();
    let close = Close { code: CloseCode::NORMAL, reason: "Done sending".to_owned() };
    let events = vec![
        Event::Discarded(300),
        Event::Ping(b"1795293068957636670".to_vec()),
        Event::Discarded(70_000),
        Event::Pong(Vec::new()),
        Event::Text("{\"a\":\"\u{fc}\"}".to_owned()),
        Event::Text(String::new()),
        Event::Close(Some(close)),
    ];
    (stream, events)
}

#[test]
fn a_session_reads_the_same_however_it_is_cut() {
    let (stream, expected) = session();
    for piece in (1..40).chain([1000, 4096, usize::MAX]) {
        assert_eq!(read_in_pieces(&stream, piece).as_ref(), Ok(&expected), "pieces of {piece}");
    }
}

#[test]
fn payload_may_be_discarded_elsewhere() {
    let mut reader = Reader::new(Role::Server, LIMITS);
    let header = encode_header(true, Opcode::Binary, 1 << 20, Some(KEY));
    let (taken, event) = reader.read(&header).expect("a header");
    assert_eq!(taken, header.len());
    assert!(matches!(event, Some(Event::Header(Header { payload_len: 0x10_0000, .. }))));
    assert_eq!(reader.remaining_payload(), 1 << 20);
    reader.discard((1 << 20) - 3);
    assert_eq!(reader.remaining_payload(), 3);
    // The last three bytes come with the next frame.
    let rest = [&[0; 3][..], &frame(Opcode::Ping, b"x")].concat();
    assert_eq!(reader.read(&rest), Ok((3, Some(Event::Discarded(3)))));
    assert_eq!(reader.remaining_payload(), 0);
    let ping = Some(Event::Ping(b"x".to_vec()));
    assert_eq!(reader.read(&rest[3..]), Ok((rest.len() - 3, ping)));
}

#[test]
fn text_and_control_payload_is_never_offered_for_discarding() {
    for opcode in [Opcode::Text, Opcode::Ping] {
        let mut reader = Reader::new(Role::Server, LIMITS);
        let bytes = frame(opcode, b"keep this");
        assert_eq!(reader.read(&bytes[..8]), Ok((8, None)));
        assert_eq!(reader.remaining_payload(), 0);
    }
}

#[test]
#[should_panic(expected = "discarded more than was due")]
fn discarding_what_is_not_due_is_a_bug() {
    Reader::new(Role::Server, LIMITS).discard(1);
}

#[test]
fn masking_depends_on_the_direction() {
    let unmasked = encode_frame(Opcode::Binary, b"x", None);
    let mut client = Reader::new(Role::Client, LIMITS);
    assert!(client.read(&unmasked).is_ok());
    assert_eq!(read(&unmasked), Err(ProtocolError::Unmasked));
    let mut client = Reader::new(Role::Client, LIMITS);
    assert_eq!(client.read(&frame(Opcode::Binary, b"x")), Err(ProtocolError::Masked));
}

#[test]
fn fragments_must_be_in_order() {
    let orphan = fragment(true, Opcode::Continuation, b"x");
    assert_eq!(read(&orphan), Err(ProtocolError::NothingToContinue));
    let after_whole = [frame(Opcode::Binary, b"x"), orphan].concat();
    assert_eq!(read(&after_whole), Err(ProtocolError::NothingToContinue));
    for opcode in [Opcode::Binary, Opcode::Text] {
        let unfinished = [fragment(false, opcode, b"x"), frame(opcode, b"y")].concat();
        assert_eq!(read(&unfinished), Err(ProtocolError::MessageNotFinished));
    }
}

#[test]
fn messages_are_bounded_over_all_their_fragments() {
    let limits = Limits { message_bytes: 10, text_bytes: 5 };
    for (opcode, limit) in [(Opcode::Binary, 10), (Opcode::Text, 5)] {
        let whole = frame(opcode, &vec![b'a'; limit]);
        assert!(Reader::new(Role::Server, limits).read(&whole).is_ok());
        let mut reader = Reader::new(Role::Server, limits);
        let (first, last) = (
            fragment(false, opcode, b"aaa"),
            fragment(true, Opcode::Continuation, &vec![b'a'; limit - 2]),
        );
        let mut bytes = &[first, last].concat()[..];
        let error = loop {
            assert!(!bytes.is_empty(), "the message was accepted");
            match reader.read(bytes) {
                Ok((taken, _)) => bytes = &bytes[taken..],
                Err(error) => break error,
            }
        };
        let limit = limit as u64;
        assert_eq!(error, ProtocolError::MessageTooBig { bytes: limit + 1, limit });
        assert_eq!(error.close_code(), CloseCode::MESSAGE_TOO_BIG);
    }
    // The largest length a header can announce does not overflow the sum.
    let huge = encode_header(true, Opcode::Continuation, i64::MAX as u64, Some(KEY));
    let stream = [&fragment(false, Opcode::Binary, b"x")[..], &huge].concat();
    assert!(matches!(read(&stream), Err(ProtocolError::MessageTooBig { .. })));
}

#[test]
fn text_must_be_utf8_over_all_its_fragments() {
    let invalid =
        [fragment(false, Opcode::Text, b"\xc3"), fragment(true, Opcode::Continuation, b"\x28")];
    let error = read(&invalid.concat()).expect_err("not UTF-8");
    assert_eq!(error, ProtocolError::TextNotUtf8);
    assert_eq!(error.close_code(), CloseCode::INVALID_PAYLOAD);
}

#[test]
fn closes_without_and_with_wrong_payload() {
    assert_eq!(read(&frame(Opcode::Close, b"")), Ok(vec![Event::Close(None)]));
    assert_eq!(read(&frame(Opcode::Close, b"\x03")), Err(ProtocolError::CloseTooShort));
    let mut reader = Reader::new(Role::Server, LIMITS);
    let close = frame(Opcode::Close, b"");
    assert!(!reader.is_closed());
    assert!(reader.read(&close).is_ok());
    assert!(reader.is_closed());
}

proptest! {
    /// No input makes the reader panic, claim bytes it did not have, or stand
    /// still.
    #[test]
    fn any_bytes_are_read_or_refused(stream: Vec<u8>, piece in 1..50_usize) {
        for role in [Role::Server, Role::Client] {
            let mut reader = Reader::new(role, LIMITS);
            'stream: for mut bytes in stream.chunks(piece) {
                while !bytes.is_empty() {
                    match reader.read(bytes) {
                        Ok((taken, event)) => {
                            prop_assert!(taken <= bytes.len());
                            prop_assert!(event.is_some() || taken == bytes.len());
                            bytes = &bytes[taken..];
                        }
                        Err(_) => break 'stream,
                    }
                }
            }
        }
    }
}
