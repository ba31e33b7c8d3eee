//! The kernel's words in ndt7's: what a measurement message says.

use std::time::Duration;

use trigpoint_ndt7 as ndt7;
use trigpoint_ndt7::{AppInfo, BbrInfo, ConnectionInfo, Extra, Measurement, Origin};
use trigpoint_sockdiag::SocketMessage;
use trigpoint_tcpinfo::field as f;
use trigpoint_tcpinfo::{Congestion, TcpInfo};

/// The message of one sample.
pub(crate) fn measurement(
    connection: &ConnectionInfo,
    direction: ndt7::Direction,
    elapsed: Duration,
    application_bytes: u64,
    message: Option<&SocketMessage>,
) -> Measurement {
    let elapsed_us = elapsed.as_micros() as i64;
    let info = message.and_then(|message| message.tcp_info.as_ref());
    Measurement {
        connection_info: Some(connection.clone()),
        // The object is there, with zeros, also under another algorithm:
        // M-Lab's clients expect it beside TCPInfo.
        bbr_info: info.map(|_| bbr_info(message, elapsed_us)),
        tcp_info: info.map(|info| tcp_info(info, elapsed_us)),
        app_info: Some(AppInfo { elapsed_time: elapsed_us, num_bytes: application_bytes as i64 }),
        origin: Some(Origin::Server),
        test: Some(direction),
        extra: Extra::default(),
    }
}

fn bbr_info(message: Option<&SocketMessage>, elapsed_us: i64) -> BbrInfo {
    let Some(Congestion::Bbr(bbr)) = message.and_then(|message| message.congestion.as_ref()) else {
        return BbrInfo::default();
    };
    BbrInfo {
        bandwidth: bbr.bandwidth_bytes_per_s().unwrap_or_default() as i64,
        min_rtt: bbr.min_rtt_us().unwrap_or_default() as u32,
        pacing_gain: bbr.pacing_gain().unwrap_or_default() as u32,
        cwnd_gain: bbr.cwnd_gain().unwrap_or_default() as u32,
        elapsed_time: elapsed_us,
    }
}

/// Go's types: the bits of the kernel's value, so that "unlimited" is -1 and
/// segment counters wrap; a field that this kernel does not have is 0, as in
/// M-Lab's server (the row in the table has NULL).
fn tcp_info(info: &TcpInfo, elapsed_us: i64) -> ndt7::TcpInfo {
    let raw = |index| info.raw(index).unwrap_or_default();
    let byte = |index| raw(index) as u8;
    let word = |index| raw(index) as u32;
    let long = |index| raw(index).cast_signed();
    ndt7::TcpInfo {
        state: byte(f::STATE),
        ca_state: byte(f::CA_STATE),
        retransmits: byte(f::RETRANSMITS),
        probes: byte(f::PROBES),
        backoff: byte(f::BACKOFF),
        options: byte(f::OPTIONS),
        wscale: byte(f::SND_WSCALE) | byte(f::RCV_WSCALE) << 4,
        app_limited: byte(f::DELIVERY_RATE_APP_LIMITED) | byte(f::FASTOPEN_CLIENT_FAIL) << 1,
        rto: word(f::RTO_US),
        ato: word(f::ATO_US),
        snd_mss: word(f::SND_MSS_BYTES),
        rcv_mss: word(f::RCV_MSS_BYTES),
        unacked: word(f::UNACKED_SEGMENTS),
        sacked: word(f::SACKED_SEGMENTS),
        lost: word(f::LOST_SEGMENTS),
        retrans: word(f::RETRANS_SEGMENTS),
        fackets: word(f::FACKETS_SEGMENTS),
        last_data_sent: word(f::LAST_DATA_SENT_MS),
        last_ack_sent: word(f::LAST_ACK_SENT_MS),
        last_data_recv: word(f::LAST_DATA_RECV_MS),
        last_ack_recv: word(f::LAST_ACK_RECV_MS),
        pmtu: word(f::PMTU_BYTES),
        rcv_ssthresh: word(f::RCV_SSTHRESH_BYTES),
        rtt: word(f::RTT_US),
        rttvar: word(f::RTTVAR_US),
        snd_ssthresh: word(f::SND_SSTHRESH_SEGMENTS),
        snd_cwnd: word(f::SND_CWND_SEGMENTS),
        advmss: word(f::ADVMSS_BYTES),
        reordering: word(f::REORDERING_SEGMENTS),
        rcv_rtt: word(f::RCV_RTT_US),
        rcv_space: word(f::RCV_SPACE_BYTES),
        total_retrans: word(f::TOTAL_RETRANS_SEGMENTS),
        pacing_rate: long(f::PACING_RATE_BYTES_PER_S),
        max_pacing_rate: long(f::MAX_PACING_RATE_BYTES_PER_S),
        bytes_acked: long(f::BYTES_ACKED),
        bytes_received: long(f::BYTES_RECEIVED),
        segs_out: word(f::SEGS_OUT).cast_signed(),
        segs_in: word(f::SEGS_IN).cast_signed(),
        notsent_bytes: word(f::NOTSENT_BYTES),
        min_rtt: word(f::MIN_RTT_US),
        data_segs_in: word(f::DATA_SEGS_IN),
        data_segs_out: word(f::DATA_SEGS_OUT),
        delivery_rate: long(f::DELIVERY_RATE_BYTES_PER_S),
        busy_time: long(f::BUSY_TIME_US),
        rwnd_limited: long(f::RWND_LIMITED_US),
        sndbuf_limited: long(f::SNDBUF_LIMITED_US),
        delivered: word(f::DELIVERED_SEGMENTS),
        delivered_ce: word(f::DELIVERED_CE_SEGMENTS),
        bytes_sent: long(f::BYTES_SENT),
        bytes_retrans: long(f::BYTES_RETRANS),
        dsack_dups: word(f::DSACK_DUPS),
        reord_seen: word(f::REORD_SEEN),
        rcv_ooopack: word(f::RCV_OOOPACK_SEGMENTS),
        snd_wnd: word(f::SND_WND_BYTES),
        elapsed_time: elapsed_us,
        extra: newer_fields(info),
    }
}

/// Fields that M-Lab's structure lacks: extra keys, which its clients ignore.
fn newer_fields(info: &TcpInfo) -> Extra {
    let mut extra = Extra::default();
    for (key, index) in [
        ("RcvWnd", f::RCV_WND_BYTES),
        ("Rehash", f::REHASH),
        ("TotalRTO", f::TOTAL_RTO),
        ("TotalRTORecoveries", f::TOTAL_RTO_RECOVERIES),
        ("TotalRTOTime", f::TOTAL_RTO_TIME_MS),
    ] {
        if let Some(value) = info.get(index) {
            extra.insert(key, value.cast_signed());
        }
    }
    extra
}
