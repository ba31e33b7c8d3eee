use proptest::prelude::*;
use trigpoint_tcpinfo::field;

use super::*;

/// An `inet_diag_msg` and its attributes, written by hand.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) bytes: Vec<u8>,
}

impl Raw {
    /// 192.0.2.1:443 to 198.51.100.7:50000, established.
    pub(crate) fn ipv4(cookie: u64) -> Self {
        let mut bytes = vec![0; HEADER_LEN];
        bytes[0] = AF_INET;
        bytes[1] = state::ESTABLISHED;
        bytes[4..8].copy_from_slice(&[0x01, 0xbb, 0xc3, 0x50]);
        bytes[8..12].copy_from_slice(&[192, 0, 2, 1]);
        bytes[24..28].copy_from_slice(&[198, 51, 100, 7]);
        bytes[44..52].copy_from_slice(&cookie.to_le_bytes());
        Self { bytes }
    }

    /// The same as the kernel shows it of a dual-stack listener.
    pub(crate) fn mapped(cookie: u64) -> Self {
        let mut raw = Self::ipv4(cookie);
        raw.bytes[0] = AF_INET6;
        for at in [8, 24] {
            raw.bytes.copy_within(at..at + 4, at + 12);
            raw.bytes[at..at + 12].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
        }
        raw
    }

    pub(crate) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.bytes.extend((value.len() as u16 + 4).to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn at(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// With a `tcp_info` of 280 bytes that holds these values.
    pub(crate) fn tcp_info(self, rtt_us: u32, acked: u64, received: u64) -> Self {
        let mut info = vec![0; 280];
        info[68..72].copy_from_slice(&rtt_us.to_le_bytes());
        info[120..128].copy_from_slice(&acked.to_le_bytes());
        info[128..136].copy_from_slice(&received.to_le_bytes());
        self.with(2, &info)
    }

    pub(crate) fn message(&self) -> SocketMessage {
        SocketMessage::parse(&self.bytes).unwrap()
    }
}

#[test]
fn the_header_is_read_as_the_kernel_writes_it() {
    let raw = Raw::ipv4(0x0102_0304_0506_0708)
        .at(2, &[1, 3])
        .at(40, &7_u32.to_ne_bytes())
        .at(52, &200_u32.to_ne_bytes())
        .at(56, &11_u32.to_ne_bytes())
        .at(60, &12_u32.to_ne_bytes())
        .at(64, &1000_u32.to_ne_bytes())
        .at(68, &99_u32.to_ne_bytes());
    let message = raw.message();
    let key = SocketKey {
        local: "192.0.2.1:443".parse().unwrap(),
        remote: "198.51.100.7:50000".parse().unwrap(),
        cookie: 0x0102_0304_0506_0708,
        family: Family::V4,
        interface: 7,
    };
    assert_eq!(message.key, key);
    let numbers = (message.state, message.timer, message.retransmits, message.expires_ms);
    assert_eq!(numbers, (state::ESTABLISHED, 1, 3, 200));
    let owner = (message.rqueue, message.wqueue, message.uid, message.inode);
    assert_eq!(owner, (11, 12, 1000, 99));
}

#[test]
fn mapped_addresses_are_written_as_ipv4_and_stay_ipv6_sockets() {
    let key = Raw::mapped(1).message().key;
    assert_eq!(key.local, "192.0.2.1:443".parse().unwrap());
    assert_eq!(key.remote, "198.51.100.7:50000".parse().unwrap());
    assert_eq!(key.family, Family::V6);
}

#[test]
fn every_attribute_reaches_its_field() {
    let bbr = [&[1; 8][..], &[2; 12]].concat();
    let message = Raw::ipv4(1)
        .tcp_info(25_000, 1, 2)
        .with(1, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        .with(4, b"bbr\0")
        .with(5, &[0x10])
        .with(6, &[0x20])
        .with(7, &[0; 36])
        .with(8, &[2])
        .with(10, &[6])
        .with(15, &[5, 0, 0, 0])
        .with(16, &bbr)
        .with(17, &[9, 0, 0, 0])
        .message();
    let info = message.tcp_info.as_ref().unwrap();
    assert_eq!((info.rtt_us(), info.bytes_received()), (Some(25_000), Some(2)));
    assert_eq!(info.get(field::RTT_US), Some(25_000));
    assert_eq!(message.tcp_info_bytes, info.encode());
    assert_eq!(message.meminfo.unwrap().rmem_bytes(), Some(256));
    assert_eq!(message.congestion_algorithm.as_deref(), Some("bbr"));
    assert_eq!((message.tos, message.tclass), (Some(0x10), Some(0x20)));
    assert_eq!(message.skmeminfo.unwrap().drops(), Some(0));
    assert_eq!((message.shutdown, message.protocol), (Some(2), Some(6)));
    assert_eq!((message.mark, message.class_id), (Some(5), Some(9)));
    assert_eq!(message.congestion.unwrap().encode(), (16, bbr));
    assert_eq!(message.attributes, 0b1_1100_0010_1111_1011);
    assert_eq!(message.undecoded, []);
}

#[test]
fn absent_is_none() {
    let message = Raw::ipv4(1).message();
    assert_eq!((message.tcp_info, message.meminfo, message.skmeminfo), (None, None, None));
    assert_eq!((message.tos, message.mark, message.congestion), (None, None, None));
    assert_eq!((message.congestion_algorithm, message.attributes), (None, 0));
}

#[test]
fn what_no_field_can_hold_exactly_is_kept_as_bytes() {
    let message = Raw::ipv4(1)
        .with(22, &[1, 2])
        .with(5, &[1, 2])
        .with(4, b"no end")
        .with(4, b"in\0side\0")
        .with(17, &[1, 0, 0, 0])
        .with(17, &[2, 0, 0, 0])
        .with(300, b"x")
        .message();
    let undecoded: Vec<(u16, &[u8])> =
        message.undecoded.iter().map(|(kind, value)| (*kind, value.as_slice())).collect();
    let expected: [(u16, &[u8]); 6] = [
        (22, &[1, 2]),
        (5, &[1, 2]),
        (4, b"no end"),
        (4, b"in\0side\0"),
        (17, &[2, 0, 0, 0]),
        (300, b"x"),
    ];
    assert_eq!(undecoded, expected);
    assert_eq!((message.tos, message.congestion_algorithm), (None, None));
    assert_eq!(message.class_id, Some(1));
}

#[test]
fn a_nested_attribute_is_known_by_its_type() {
    let message = Raw::ipv4(1).with(0x13 | 0x8000, b"tls\0").message();
    assert_eq!(message.undecoded, [(19, b"tls\0".to_vec())]);
    assert_eq!(message.attributes, 1 << 18);
}

#[test]
fn ages_and_expiry_are_no_change() {
    let raw = Raw::ipv4(1).tcp_info(1, 2, 3);
    let before = raw.message();
    let info = HEADER_LEN + 4;
    let aged = raw.clone().at(info + 44, &[9; 16]).at(52, &[7; 4]);
    assert!(!aged.message().changed_since(&before));
    for offset in [1, 2, 3, 56, 60, 68, info, info + 43, info + 60, info + 279] {
        assert!(raw.clone().at(offset, &[0xee]).message().changed_since(&before), "{offset}");
    }
    assert!(raw.clone().with(5, &[1]).message().changed_since(&before));
    assert!(raw.clone().with(22, &[1]).message().changed_since(&before));
}

#[test]
fn a_mini_socket_is_a_closed_state_without_info() {
    assert!(Raw::ipv4(1).at(1, &[state::TIME_WAIT]).message().is_mini_socket());
    assert!(Raw::ipv4(1).at(1, &[state::FIN_WAIT2]).message().is_mini_socket());
    let full = Raw::ipv4(1).at(1, &[state::FIN_WAIT2]).tcp_info(1, 1, 1);
    assert!(!full.message().is_mini_socket());
    assert!(!Raw::ipv4(1).message().is_mini_socket());
}

#[test]
fn every_cut_is_an_error_or_a_shorter_message() {
    let raw = Raw::ipv4(1).tcp_info(1, 2, 3).with(4, b"bbr\0");
    for length in 0..raw.bytes.len() {
        let parsed = SocketMessage::parse(&raw.bytes[..length]);
        let whole_attributes = [HEADER_LEN, HEADER_LEN + 284];
        assert_eq!(parsed.is_ok(), whole_attributes.contains(&length), "{length}: {parsed:?}");
    }
}

#[test]
fn a_hostile_length_is_an_error_that_says_where() {
    let raw = Raw::ipv4(1).with(5, &[1]);
    let error = SocketMessage::parse(&raw.clone().at(72, &[0xff, 0xff]).bytes).unwrap_err();
    assert_eq!(error, ParseError::Attribute { offset: 72, length: 0xffff, left: 8 });
    let error = SocketMessage::parse(&raw.at(72, &[3, 0]).bytes).unwrap_err();
    assert_eq!(error, ParseError::Attribute { offset: 72, length: 3, left: 8 });
    let error = SocketMessage::parse(&[1; 72]).unwrap_err();
    assert_eq!(error, ParseError::Family { family: 1 });
}

proptest! {
    #[test]
    fn any_bytes_end_in_a_message_or_an_error(bytes in any::<Vec<u8>>()) {
        let _ = SocketMessage::parse(&bytes);
        prop_assert!(crate::Datagram::new(&bytes).count() <= bytes.len() / 16 + 1);
    }

    #[test]
    fn attributes_of_any_type_and_length_are_kept(
        attributes in proptest::collection::vec((0_u16..400, proptest::collection::vec(any::<u8>(), 0..320)), 0..12),
    ) {
        let raw = attributes.iter().fold(Raw::ipv4(1), |raw, (kind, value)| raw.with(*kind, value));
        let message = raw.message();
        let decoded = [
            message.tcp_info.as_ref().map(TcpInfo::len),
            message.meminfo.as_ref().map(Meminfo::len),
            message.skmeminfo.as_ref().map(SkMeminfo::len),
            message.congestion.as_ref().map(|congestion| congestion.encode().1.len()),
            message.congestion_algorithm.as_ref().map(|name| name.len() + 1),
            message.tos.map(|_| 1), message.tclass.map(|_| 1), message.shutdown.map(|_| 1),
            message.protocol.map(|_| 1), message.mark.map(|_| 4), message.class_id.map(|_| 4),
        ];
        let kept: usize = decoded.iter().flatten().sum::<usize>()
            + message.undecoded.iter().map(|(_, value)| value.len()).sum::<usize>();
        prop_assert_eq!(kept, attributes.iter().map(|(_, value)| value.len()).sum::<usize>());
    }

    #[test]
    fn damage_to_one_byte_never_panics(at in 0_usize..400, byte in any::<u8>()) {
        let mut raw = Raw::ipv4(1).tcp_info(1, 2, 3).with(4, b"bbr\0").with(16, &[1; 20]);
        if let Some(target) = raw.bytes.get_mut(at) {
            *target = byte;
        }
        let _ = SocketMessage::parse(&raw.bytes);
    }
}
