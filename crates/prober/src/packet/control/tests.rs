use super::*;

fn message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let length = HEADER_BYTES + data.len();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(length.next_multiple_of(size_of::<usize>()), 0);
    bytes
}

fn error(origin: u8, extension: [u8; 4], offender: &[u8]) -> Vec<u8> {
    let mut bytes = 113_u32.to_ne_bytes().to_vec();
    bytes.extend([origin, 11, 0, 0]);
    bytes.extend([0; 4]);
    bytes.extend(extension);
    bytes.extend(offender);
    bytes
}

fn ipv4(address: [u8; 4]) -> Vec<u8> {
    let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
    bytes.extend([0, 0]);
    bytes.extend(address);
    bytes.extend([0; 8]);
    bytes
}

#[test]
fn an_icmp_error_with_its_stamp_and_ttl() {
    let mut bytes = Vec::new();
    let mut stamps = 1_800_000_000_i64.to_ne_bytes().to_vec();
    stamps.extend(5_i64.to_ne_bytes());
    stamps.extend([0; 32]);
    bytes.extend(message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &stamps));
    bytes.extend(message(libc::IPPROTO_IP, libc::IP_TTL, &63_i32.to_ne_bytes()));
    bytes.extend(message(libc::IPPROTO_IP, libc::IP_TOS, &[0xc0]));
    let error = error(2, [0; 4], &ipv4([192, 0, 2, 7]));
    bytes.extend(message(libc::IPPROTO_IP, libc::IP_RECVERR, &error));
    let control = Control::parse(&bytes);
    assert_eq!(control.stamp_ns, Some(1_800_000_000_000_000_005));
    assert_eq!((control.ttl, control.tos), (Some(63), Some(0xc0)));
    let error = control.error.unwrap();
    assert_eq!(error.origin, Origin::Icmp);
    assert_eq!((error.errno, error.icmp_type, error.icmp_code), (113, 11, 0));
    assert_eq!(error.offender, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(error.extension_at, None);
}

#[test]
fn extensions_that_the_kernel_refused_are_not_offered() {
    let [low, high] = 100_u16.to_ne_bytes();
    let at = |flags| {
        let error = error(2, [low, high, flags, 0], &ipv4([192, 0, 2, 7]));
        let bytes = message(libc::IPPROTO_IP, libc::IP_RECVERR, &error);
        Control::parse(&bytes).error.unwrap().extension_at
    };
    assert_eq!((at(0), at(1)), (Some(100), None));
}

#[test]
fn an_offender_that_is_unspecified_or_cut_off_is_none() {
    let parse = |offender: &[u8]| {
        let bytes = message(libc::IPPROTO_IP, libc::IP_RECVERR, &error(4, [0; 4], offender));
        Control::parse(&bytes).error.unwrap().offender
    };
    assert_eq!(parse(&[0; 16]), None);
    assert_eq!(parse(&ipv4([192, 0, 2, 7])[..6]), None);
}

#[test]
fn lengths_that_lie_end_the_reading() {
    let mut bytes = message(libc::IPPROTO_IP, libc::IP_TTL, &64_i32.to_ne_bytes());
    let mut lying = message(libc::IPPROTO_IP, libc::IP_TOS, &[1]);
    for length in [0, 1, HEADER_BYTES - 1, 4096, usize::MAX] {
        lying[..8].copy_from_slice(&length.to_ne_bytes());
        bytes.extend(&lying);
        let control = Control::parse(&bytes);
        assert_eq!((control.ttl, control.tos), (Some(64), None));
    }
}
