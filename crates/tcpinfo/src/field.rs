//! The fields of `struct tcp_info` (`include/uapi/linux/tcp.h`; filled by
//! `tcp_get_info` in `net/ipv4/tcp.c`), to the 280 bytes of Linux 6.18.

crate::layout::table! {
    /// `struct tcp_info`: one socket's state at one moment.
    TcpInfo {
        STATE state 8 @ 0, None, Code, "2.4",
            "State of the connection: 1 ESTABLISHED, 2 SYN_SENT, 3 SYN_RECV, 4 FIN_WAIT1, 5 FIN_WAIT2, 6 TIME_WAIT, 7 CLOSE, 8 CLOSE_WAIT, 9 LAST_ACK, 10 LISTEN, 11 CLOSING.";
        CA_STATE ca_state 8 @ 1, None, Code, "2.4",
            "State of loss recovery: 0 Open, 1 Disorder, 2 CWR, 3 Recovery, 4 Loss.";
        RETRANSMITS retransmits 8 @ 2, None, Count, "2.4",
            "Retransmission timeouts in a row for the segment at the head of the queue.";
        PROBES probes 8 @ 3, None, Count, "2.4",
            "Unanswered zero-window or keep-alive probes.";
        BACKOFF backoff 8 @ 4, None, Count, "2.4",
            "How often the retransmission timer was doubled.";
        OPTIONS options 8 @ 5, None, Flags, "2.4",
            "Negotiated: 1 timestamps, 2 SACK, 4 window scaling, 8 ECN, 16 ECN seen, 32 data in SYN acknowledged, 64 timestamps in us.";
        SND_WSCALE snd_wscale 4 @ 6, None, Shift, "2.4",
            "Window scale that the peer asked for: shift of the windows it announces.";
        RCV_WSCALE rcv_wscale 4 @ 6 + 4, None, Shift, "2.4",
            "Window scale that this host asked for: shift of the windows it announces.";
        DELIVERY_RATE_APP_LIMITED delivery_rate_app_limited 1 @ 7, None, Flags, "4.9",
            "1 if delivery_rate was limited by the application and not by the network.";
        FASTOPEN_CLIENT_FAIL fastopen_client_fail 2 @ 7 + 1, None, Code, "5.5",
            "Why TCP Fast Open failed: 0 unspecified, 1 no cookie, 2 data not acknowledged, 3 SYN retransmitted.";
        UNASSIGNED_BYTE_7_BITS_3_TO_7 unassigned_byte_7_bits_3_to_7 5 @ 7 + 3, None, Padding, "2.4",
            "Bits without a meaning up to Linux 6.18, kept as they are.";
        RTO_US rto_us 32 @ 8, None, Microseconds, "2.4",
            "Retransmission timeout.";
        ATO_US ato_us 32 @ 12, None, Microseconds, "2.4",
            "Delayed-acknowledgement timeout.";
        SND_MSS_BYTES snd_mss_bytes 32 @ 16, None, Bytes, "2.4",
            "Maximum segment size for sending.";
        RCV_MSS_BYTES rcv_mss_bytes 32 @ 20, None, Bytes, "2.4",
            "Segment size of the peer, as estimated from what it sends.";
        UNACKED_SEGMENTS unacked_segments 32 @ 24, None, Segments, "2.4",
            "Sent and not yet acknowledged; of a listener: connections that wait for accept.";
        SACKED_SEGMENTS sacked_segments 32 @ 28, None, Segments, "2.4",
            "Acknowledged selectively; of a listener: the limit of its queue.";
        LOST_SEGMENTS lost_segments 32 @ 32, None, Segments, "2.4",
            "Taken for lost and not yet acknowledged.";
        RETRANS_SEGMENTS retrans_segments 32 @ 36, None, Segments, "2.4",
            "Retransmitted and not yet acknowledged.";
        FACKETS_SEGMENTS fackets_segments 32 @ 40, None, Segments, "2.4",
            "Forward acknowledgement (FACK); always 0 since Linux 4.15.";
        LAST_DATA_SENT_MS last_data_sent_ms 32 @ 44, None, Milliseconds, "2.4",
            "Time since data was last sent.";
        LAST_ACK_SENT_MS last_ack_sent_ms 32 @ 48, None, Milliseconds, "2.4",
            "Never set by the kernel: always 0.";
        LAST_DATA_RECV_MS last_data_recv_ms 32 @ 52, None, Milliseconds, "2.4",
            "Time since data was last received.";
        LAST_ACK_RECV_MS last_ack_recv_ms 32 @ 56, None, Milliseconds, "2.4",
            "Time since an acknowledgement was last received.";
        PMTU_BYTES pmtu_bytes 32 @ 60, None, Bytes, "2.4",
            "Path MTU as known.";
        RCV_SSTHRESH_BYTES rcv_ssthresh_bytes 32 @ 64, None, Bytes, "2.4",
            "Limit up to which the announced window may grow at once.";
        RTT_US rtt_us 32 @ 68, None, Microseconds, "2.4",
            "Smoothed round-trip time.";
        RTTVAR_US rttvar_us 32 @ 72, None, Microseconds, "2.4",
            "Mean deviation of the round-trip time.";
        SND_SSTHRESH_SEGMENTS snd_ssthresh_segments 32 @ 76, Some(0x7fff_ffff), Segments, "2.4",
            "Slow-start threshold; absent while it is infinite (0x7fffffff).";
        SND_CWND_SEGMENTS snd_cwnd_segments 32 @ 80, None, Segments, "2.4",
            "Congestion window.";
        ADVMSS_BYTES advmss_bytes 32 @ 84, None, Bytes, "2.4",
            "Maximum segment size announced to the peer.";
        REORDERING_SEGMENTS reordering_segments 32 @ 88, None, Segments, "2.4",
            "Distance of reordering that is tolerated before loss is assumed.";
        RCV_RTT_US rcv_rtt_us 32 @ 92, None, Microseconds, "2.6",
            "Round-trip time as the receiver estimates it; 0 before the first estimate.";
        RCV_SPACE_BYTES rcv_space_bytes 32 @ 96, None, Bytes, "2.6",
            "What the application read in the last receiver round trip: base of buffer auto-tuning.";
        TOTAL_RETRANS_SEGMENTS total_retrans_segments 32 @ 100, None, Segments, "2.6",
            "Retransmitted since the start.";
        PACING_RATE_BYTES_PER_S pacing_rate_bytes_per_s 64 @ 104, Some(u64::MAX), BytesPerSecond, "3.15",
            "Rate at which the socket paces; absent while it does not pace.";
        MAX_PACING_RATE_BYTES_PER_S max_pacing_rate_bytes_per_s 64 @ 112, Some(u64::MAX), BytesPerSecond, "3.15",
            "Limit of the pacing rate (SO_MAX_PACING_RATE); absent while there is none.";
        BYTES_ACKED bytes_acked 64 @ 120, None, Bytes, "4.1",
            "Acknowledged by the peer since the start; the FIN counts one, and so does the SYN of the side that opened the connection (RFC 4898 tcpEStatsAppHCThruOctetsAcked).";
        BYTES_RECEIVED bytes_received 64 @ 128, None, Bytes, "4.1",
            "Received in order since the start; a FIN counts one (RFC 4898 tcpEStatsAppHCThruOctetsReceived).";
        SEGS_OUT segs_out 32 @ 136, None, Segments, "4.2",
            "Sent since the start, pure acknowledgements included (RFC 4898 tcpEStatsPerfSegsOut).";
        SEGS_IN segs_in 32 @ 140, None, Segments, "4.2",
            "Received since the start (RFC 4898 tcpEStatsPerfSegsIn).";
        NOTSENT_BYTES notsent_bytes 32 @ 144, None, Bytes, "4.6",
            "Written by the application and not yet sent.";
        MIN_RTT_US min_rtt_us 32 @ 148, Some(0xffff_ffff), Microseconds, "4.6",
            "Smallest round-trip time in the kernel's window (300 s by default); absent before the first sample.";
        DATA_SEGS_IN data_segs_in 32 @ 152, None, Segments, "4.6",
            "Received with data since the start (RFC 4898 tcpEStatsPerfDataSegsIn).";
        DATA_SEGS_OUT data_segs_out 32 @ 156, None, Segments, "4.6",
            "Sent with data since the start, retransmissions included (RFC 4898 tcpEStatsPerfDataSegsOut).";
        DELIVERY_RATE_BYTES_PER_S delivery_rate_bytes_per_s 64 @ 160, None, BytesPerSecond, "4.9",
            "Latest rate at which data was acknowledged; 0 before the first sample.";
        BUSY_TIME_US busy_time_us 64 @ 168, None, Microseconds, "4.10",
            "Time with data to send or unacknowledged, since the start.";
        RWND_LIMITED_US rwnd_limited_us 64 @ 176, None, Microseconds, "4.10",
            "Part of busy time in which the peer's receive window limited sending.";
        SNDBUF_LIMITED_US sndbuf_limited_us 64 @ 184, None, Microseconds, "4.10",
            "Part of busy time in which the send buffer limited sending.";
        DELIVERED_SEGMENTS delivered_segments 32 @ 192, None, Segments, "4.18",
            "Delivered to the peer since the start, selectively acknowledged ones included.";
        DELIVERED_CE_SEGMENTS delivered_ce_segments 32 @ 196, None, Segments, "4.18",
            "Delivered and reported with a congestion mark (ECE) since the start.";
        BYTES_SENT bytes_sent 64 @ 200, None, Bytes, "4.19",
            "Payload sent since the start, retransmissions included (RFC 4898 tcpEStatsPerfHCDataOctetsOut).";
        BYTES_RETRANS bytes_retrans 64 @ 208, None, Bytes, "4.19",
            "Payload retransmitted since the start (RFC 4898 tcpEStatsPerfOctetsRetrans).";
        DSACK_DUPS dsack_dups 32 @ 216, None, Count, "4.19",
            "Duplicates that the peer reported by D-SACK since the start (RFC 4898 tcpEStatsStackDSACKDups).";
        REORD_SEEN reord_seen 32 @ 220, None, Count, "4.19",
            "Reordering events seen since the start.";
        RCV_OOOPACK_SEGMENTS rcv_ooopack_segments 32 @ 224, None, Segments, "5.4",
            "Received out of order since the start.";
        SND_WND_BYTES snd_wnd_bytes 32 @ 228, None, Bytes, "5.4",
            "Receive window that the peer announces, scaled.";
        RCV_WND_BYTES rcv_wnd_bytes 32 @ 232, None, Bytes, "6.2",
            "Receive window that this host announces, scaled.";
        REHASH rehash 32 @ 236, None, Count, "6.2",
            "How often the socket chose another path by a new flow hash, on timeouts or duplicates.";
        TOTAL_RTO total_rto 16 @ 240, None, Count, "6.7",
            "Retransmission timeouts since the start.";
        TOTAL_RTO_RECOVERIES total_rto_recoveries 16 @ 242, None, Count, "6.7",
            "Recoveries from retransmission timeouts since the start, an unfinished one included.";
        TOTAL_RTO_TIME_MS total_rto_time_ms 32 @ 244, None, Milliseconds, "6.7",
            "Time spent in recovery from retransmission timeouts since the start, an unfinished one included.";
        RECEIVED_CE_SEGMENTS received_ce_segments 32 @ 248, None, Segments, "6.18",
            "Received with a CE mark since the start (AccECN, RFC 9768).";
        DELIVERED_E1_BYTES delivered_e1_bytes 32 @ 252, None, Bytes, "6.18",
            "Delivered with ECT(1), as the peer's AccECN option reports.";
        DELIVERED_E0_BYTES delivered_e0_bytes 32 @ 256, None, Bytes, "6.18",
            "Delivered with ECT(0), as the peer's AccECN option reports.";
        DELIVERED_CE_BYTES delivered_ce_bytes 32 @ 260, None, Bytes, "6.18",
            "Delivered with CE, as the peer's AccECN option reports.";
        RECEIVED_E1_BYTES received_e1_bytes 32 @ 264, None, Bytes, "6.18",
            "Received with ECT(1) since the start.";
        RECEIVED_E0_BYTES received_e0_bytes 32 @ 268, None, Bytes, "6.18",
            "Received with ECT(0) since the start.";
        RECEIVED_CE_BYTES received_ce_bytes 32 @ 272, None, Bytes, "6.18",
            "Received with CE since the start.";
        ACCECN_STATE accecn_state 32 @ 276, None, Flags, "6.18",
            "AccECN state. The kernel changed this word, so read it by kernel_release. 6.18 and 6.19: bits 0-15 fail mode, bits 16-31 option seen. 7.0 and later: bits 0-1 ECN mode (0 disabled, 1 RFC 3168, 2 AccECN, 3 pending), bits 2-3 option seen (0 no, 1 empty, 2 counters, 3 failed), bits 4-7 fail mode, bits 8-31 further options.";
    }
}
