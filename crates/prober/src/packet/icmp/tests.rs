use super::*;

const UDP: [u8; 8] = [0x80, 0x01, 0x82, 0x9b, 0, 32, 0xab, 0xcd];

/// A UDP packet of `payload` zeros as a router quotes it.
fn packet(payload: usize) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 1, 17, 0, 0];
    bytes.extend([192, 0, 2, 1, 198, 51, 100, 2]);
    bytes.extend(UDP);
    bytes.resize(bytes.len() + payload, 0);
    bytes
}

fn time_exceeded(words: u8, quote: &[u8], extension: &[u8]) -> Vec<u8> {
    let mut bytes = vec![11, 0, 0, 0, 0, words, 0, 0];
    bytes.extend(quote);
    bytes.extend(extension);
    let sum = !ones_complement_sum(&bytes);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn extension() -> Vec<u8> {
    let mut bytes = vec![0x20, 0, 0, 0, 0, 8, 1, 1, 0, 0x06, 0x41, 0x01];
    let sum = !ones_complement_sum(&bytes);
    bytes[2..4].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn quote(bytes: &[u8]) -> Quote<'_> {
    match Icmp::parse_v4(bytes).unwrap().body {
        Body::Error(quote) => quote,
        Body::EchoReply { .. } => panic!("no error"),
    }
}

#[test]
fn the_least_that_a_router_may_quote() {
    let bytes = time_exceeded(0, &packet(0), &[]);
    let quote = quote(&bytes);
    assert_eq!((quote.ip.ttl, quote.ip.id, quote.ip.protocol), (1, Some(0x1234), 17));
    assert_eq!(quote.ports, [0x8001, 33435]);
    assert_eq!(quote.transport, UDP);
}

#[test]
fn extensions_with_and_without_a_length() {
    let padded = {
        let mut quote = packet(24);
        quote.resize(128, 0);
        quote
    };
    for words in [32, 0] {
        let bytes = time_exceeded(words, &padded, &extension());
        let quote = quote(&bytes);
        assert_eq!(quote.mpls.iter().map(|label| label.label).collect::<Vec<_>>(), [100]);
        assert_eq!(quote.transport.len(), 108);
    }
    // A long quote without extensions stays whole.
    let long = packet(400);
    assert_eq!(quote(&time_exceeded(0, &long, &[])).transport.len(), 408);
    // A length that reaches beyond the end leaves no extensions, and no panic.
    assert_eq!(quote(&time_exceeded(255, &padded, &extension())).mpls, []);
}

#[test]
fn forgeries_that_do_not_add_up_are_nothing() {
    let mut bytes = time_exceeded(0, &packet(0), &[]);
    bytes[30] ^= 1;
    assert_eq!(Icmp::parse_v4(&bytes), None);
    assert_eq!(Icmp::parse_v4(&time_exceeded(0, &packet(0)[..27], &[])), None);
    assert_eq!(Icmp::parse_v4(&time_exceeded(0, &[0x55; 60], &[])), None);
}

#[test]
fn an_echo_reply_of_icmpv6() {
    let bytes = [129, 0, 0, 0, 0x12, 0x34, 0, 9, 1, 2];
    let icmp = Icmp::parse_v6(&bytes).unwrap();
    let body = Body::EchoReply { identifier: 0x1234, sequence: 9, payload: &[1, 2] };
    assert_eq!(icmp.body, body);
}
