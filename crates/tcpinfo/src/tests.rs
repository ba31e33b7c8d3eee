use std::collections::BTreeSet;
use std::fmt::Debug;

use proptest::prelude::*;

use super::*;

/// Whether the fields of a structure follow each other without holes.
fn holds_together(fields: &[Field]) -> bool {
    let mut next = 0;
    fields.iter().all(|field| {
        let follows = field.bit_offset == next;
        next += u16::from(field.bit_width);
        follows
            && (field.bit_offset % 8 == 0 || field.bit_offset % 8 + u16::from(field.bit_width) <= 8)
    })
}

#[test]
fn structures_have_no_holes_and_the_kernels_sizes() {
    let size = |fields: &[Field]| fields.last().unwrap().end();
    for (fields, bytes) in [
        (&FIELDS[..], 280),
        (congestion::bbr::FIELDS, 20),
        (congestion::vegas::FIELDS, 16),
        (congestion::dctcp::FIELDS, 16),
        (memory::meminfo::FIELDS, 16),
        (memory::skmeminfo::FIELDS, 36),
    ] {
        assert!(holds_together(fields), "{fields:#?}");
        assert_eq!(size(fields), bytes);
        let names: BTreeSet<_> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), fields.len());
    }
}

/// Offsets of Linux 6.18, one field at least of each version that made the
/// structure longer.
#[test]
fn fields_lie_where_the_kernel_puts_them() {
    for (index, byte) in [
        (field::RTO_US, 8),
        (field::TOTAL_RETRANS_SEGMENTS, 100),
        (field::PACING_RATE_BYTES_PER_S, 104),
        (field::BYTES_ACKED, 120),
        (field::SEGS_OUT, 136),
        (field::MIN_RTT_US, 148),
        (field::DELIVERY_RATE_BYTES_PER_S, 160),
        (field::SNDBUF_LIMITED_US, 184),
        (field::BYTES_SENT, 200),
        (field::SND_WND_BYTES, 228),
        (field::REHASH, 236),
        (field::TOTAL_RTO_RECOVERIES, 242),
        (field::RECEIVED_CE_BYTES, 272),
        (field::ACCECN_STATE, 276),
    ] {
        assert_eq!(FIELDS[index].bit_offset, byte * 8, "{}", FIELDS[index].name);
    }
}

#[test]
fn bit_fields_are_told_apart() {
    let mut bytes = [0; 8];
    bytes[6] = 0x97;
    bytes[7] = 0b1010_1101;
    let info = TcpInfo::decode(&bytes);
    assert_eq!(info.snd_wscale(), Some(7));
    assert_eq!(info.rcv_wscale(), Some(9));
    assert_eq!(info.delivery_rate_app_limited(), Some(1));
    assert_eq!(info.fastopen_client_fail(), Some(0b10));
    assert_eq!(info.unassigned_byte_7_bits_3_to_7(), Some(0b10101));
}

#[test]
fn what_the_kernel_has_not_set_is_absent_and_comes_back() {
    let mut bytes = [0; 280];
    bytes[76..80].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    bytes[104..120].fill(0xff);
    bytes[148..152].fill(0xff);
    let info = TcpInfo::decode(&bytes);
    assert_eq!(info.snd_ssthresh_segments(), None);
    assert_eq!(info.pacing_rate_bytes_per_s(), None);
    assert_eq!(info.max_pacing_rate_bytes_per_s(), None);
    assert_eq!(info.min_rtt_us(), None);
    assert_eq!(info.raw(field::MIN_RTT_US), Some(0xffff_ffff));
    assert_eq!(info.rtt_us(), Some(0));
    assert_eq!(info.encode(), bytes);
}

#[test]
fn a_field_cut_in_half_is_absent_and_kept_as_bytes() {
    let info = TcpInfo::decode(&[1; 106]);
    assert_eq!(info.total_retrans_segments(), Some(0x0101_0101));
    assert_eq!(info.pacing_rate_bytes_per_s(), None);
    assert_eq!(info.tail(), [1, 1]);
    assert_eq!(info.len(), 106);
}

#[test]
fn contradicting_columns_rebuild_nothing() {
    let info = TcpInfo::decode(&[1; 232]);
    let rebuild = |len, tail: &[u8]| TcpInfo::from_columns(len, |index| info.get(index), tail);
    assert_eq!(rebuild(232, &[]), Some(info.clone()));
    assert_eq!(rebuild(232, &[0]), None);
    assert_eq!(rebuild(240, &[]), None);
    assert_eq!(TcpInfo::from_columns(8, |_| Some(256), &[]), None);
}

#[test]
fn ages_alone_are_no_change() {
    let before = [7; 280];
    for at in 0..280 {
        let mut after = before;
        after[at] += 1;
        assert_eq!(changed(&before, &after), !(44..60).contains(&at), "byte {at}");
    }
    assert!(changed(&before, &before[..232]));
}

#[test]
fn bbr_reads_both_halves_of_its_bandwidth() {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&0x0000_0002_0000_0001_u64.to_le_bytes());
    bytes[8..12].fill(0xff);
    bytes[12..16].copy_from_slice(&320_u32.to_le_bytes());
    let Some(Congestion::Bbr(bbr)) = Congestion::decode(congestion::BBR_ATTRIBUTE, &bytes) else {
        panic!("not decoded as bbr");
    };
    assert_eq!(bbr.bandwidth_bytes_per_s(), Some(0x2_0000_0001));
    assert_eq!(bbr.min_rtt_us(), None);
    assert_eq!(bbr.pacing_gain(), Some(320));
    assert_eq!(Congestion::decode(2, &bytes), None);
}

/// Exactness of one structure over bytes of any length.
fn round_trips<L: Layout<N> + Debug + PartialEq, const N: usize>(bytes: &[u8]) {
    let block = Block::<L, N>::decode(bytes);
    assert_eq!(block.encode(), bytes);
    assert_eq!(block.len(), bytes.len());
    let rebuilt = Block::<L, N>::from_columns(block.len(), |index| block.get(index), block.tail());
    assert_eq!(rebuilt.as_ref(), Some(&block));
}

/// Bytes with runs of ones, so that "not set" values occur.
fn kernel_bytes() -> impl Strategy<Value = Vec<u8>> {
    let run = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..24),
        (0..24_usize).prop_map(|len| vec![0xff; len]),
        Just(0x7fff_ffff_u32.to_le_bytes().to_vec()),
    ];
    prop::collection::vec(run, 0..40).prop_map(|runs| {
        let mut bytes = runs.concat();
        bytes.truncate(400);
        bytes
    })
}

proptest! {
    #[test]
    fn encoding_gives_the_decoded_bytes(bytes in kernel_bytes()) {
        for len in 0..=bytes.len() {
            round_trips::<field::Structure, FIELD_COUNT>(&bytes[..len]);
        }
        for attribute in 0..20 {
            if let Some(congestion) = Congestion::decode(attribute, &bytes) {
                prop_assert_eq!(congestion.encode(), (attribute, bytes.clone()));
            }
        }
        for len in 0..=bytes.len().min(60) {
            let bytes = &bytes[..len];
            round_trips::<congestion::bbr::Structure, { congestion::bbr::FIELD_COUNT }>(bytes);
            round_trips::<congestion::vegas::Structure, { congestion::vegas::FIELD_COUNT }>(bytes);
            round_trips::<congestion::dctcp::Structure, { congestion::dctcp::FIELD_COUNT }>(bytes);
            round_trips::<memory::meminfo::Structure, { memory::meminfo::FIELD_COUNT }>(bytes);
            round_trips::<memory::skmeminfo::Structure, { memory::skmeminfo::FIELD_COUNT }>(bytes);
        }
    }

    #[test]
    fn a_prefix_decodes_as_the_whole_with_later_fields_absent(
        bytes in prop::collection::vec(any::<u8>(), 400),
        len in 0..400_usize,
    ) {
        let whole = TcpInfo::decode(&bytes);
        let prefix = TcpInfo::decode(&bytes[..len]);
        for (index, field) in FIELDS.iter().enumerate() {
            let expected = if field.end() <= len { whole.get(index) } else { None };
            prop_assert_eq!(prefix.get(index), expected, "{}", field.name);
        }
    }
}
