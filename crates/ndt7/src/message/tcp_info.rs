//! `TCPInfo` of a measurement: the kernel's `struct tcp_info` under the names,
//! in the order and with the integer types of M-Lab's Go code
//! (`tcp-info/tcp/tcpinfo.go`). Fields are named as in the kernel.

use serde::{Deserialize, Serialize};

use super::Extra;

/// What TCP knows about the connection. A field that the kernel does not have
/// is 0, as in Go; a cast with `as` from the kernel's type gives the right value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TcpInfo {
    /// Connection state, the kernel's number (1 is established).
    pub state: u8,
    /// State of congestion avoidance, the kernel's number (0 is open).
    #[serde(rename = "CAState")]
    pub ca_state: u8,
    /// Retransmissions of the segment at the head that time-outs caused.
    pub retransmits: u8,
    /// Zero-window and keep-alive probes without an answer.
    pub probes: u8,
    /// Times the retransmission time-out was doubled.
    pub backoff: u8,
    /// Negotiated options, the kernel's bits.
    pub options: u8,
    /// Window scales: the one to send with in the low nibble, to receive with in the high one.
    #[serde(rename = "WScale")]
    pub wscale: u8,
    /// Bit 0: the delivery rate was limited by the application; above it, Fast Open's failure.
    pub app_limited: u8,
    /// Retransmission time-out, microseconds.
    #[serde(rename = "RTO")]
    pub rto: u32,
    /// Time-out of delayed acknowledgements, microseconds.
    #[serde(rename = "ATO")]
    pub ato: u32,
    /// Segment size to send with, bytes.
    #[serde(rename = "SndMSS")]
    pub snd_mss: u32,
    /// Segment size received, estimated, bytes.
    #[serde(rename = "RcvMSS")]
    pub rcv_mss: u32,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Segments acknowledged selectively.
    pub sacked: u32,
    /// Segments taken for lost.
    pub lost: u32,
    /// Segments retransmitted and not acknowledged.
    pub retrans: u32,
    /// Forward acknowledgements; no longer used by kernels.
    pub fackets: u32,
    /// Milliseconds since data was sent.
    pub last_data_sent: u32,
    /// Milliseconds since an acknowledgement was sent; kernels leave it 0.
    pub last_ack_sent: u32,
    /// Milliseconds since data came.
    pub last_data_recv: u32,
    /// Milliseconds since an acknowledgement came.
    pub last_ack_recv: u32,
    /// Path MTU, bytes.
    #[serde(rename = "PMTU")]
    pub pmtu: u32,
    /// Limit of the window to advertise, bytes.
    #[serde(rename = "RcvSsThresh")]
    pub rcv_ssthresh: u32,
    /// Smoothed round-trip time, microseconds.
    #[serde(rename = "RTT")]
    pub rtt: u32,
    /// Variation of the round-trip time, microseconds.
    #[serde(rename = "RTTVar")]
    pub rttvar: u32,
    /// Slow-start threshold, segments.
    #[serde(rename = "SndSsThresh")]
    pub snd_ssthresh: u32,
    /// Congestion window, segments.
    pub snd_cwnd: u32,
    /// Advertised segment size, bytes.
    #[serde(rename = "AdvMSS")]
    pub advmss: u32,
    /// Reordering distance allowed for, segments.
    pub reordering: u32,
    /// Round-trip time seen by the receiver, microseconds.
    #[serde(rename = "RcvRTT")]
    pub rcv_rtt: u32,
    /// Receive buffer that the application's reading asks for, bytes.
    pub rcv_space: u32,
    /// Segments retransmitted.
    pub total_retrans: u32,
    /// Pacing rate, bytes per second; -1 is unlimited.
    pub pacing_rate: i64,
    /// Bound of the pacing rate, bytes per second; -1 is unlimited.
    pub max_pacing_rate: i64,
    /// Bytes acknowledged.
    pub bytes_acked: i64,
    /// Bytes received in order.
    pub bytes_received: i64,
    /// Segments sent.
    pub segs_out: i32,
    /// Segments received.
    pub segs_in: i32,
    /// Bytes written and not sent.
    pub notsent_bytes: u32,
    /// Minimum round-trip time, microseconds.
    #[serde(rename = "MinRTT")]
    pub min_rtt: u32,
    /// Segments with data received.
    pub data_segs_in: u32,
    /// Segments with data sent.
    pub data_segs_out: u32,
    /// Last delivery rate, bytes per second.
    pub delivery_rate: i64,
    /// Time with data to send, microseconds.
    pub busy_time: i64,
    /// Time limited by the receiver's window, microseconds.
    #[serde(rename = "RWndLimited")]
    pub rwnd_limited: i64,
    /// Time limited by the send buffer, microseconds.
    #[serde(rename = "SndBufLimited")]
    pub sndbuf_limited: i64,
    /// Segments delivered.
    pub delivered: u32,
    /// Segments delivered with a congestion mark.
    #[serde(rename = "DeliveredCE")]
    pub delivered_ce: u32,
    /// Data bytes sent, with retransmissions.
    pub bytes_sent: i64,
    /// Data bytes retransmitted.
    pub bytes_retrans: i64,
    /// Duplicates the peer reported.
    #[serde(rename = "DSackDups")]
    pub dsack_dups: u32,
    /// Times reordering was seen.
    pub reord_seen: u32,
    /// Segments received out of order.
    #[serde(rename = "RcvOooPack")]
    pub rcv_ooopack: u32,
    /// Window the peer advertised, bytes.
    pub snd_wnd: u32,
    /// Microseconds since the test started.
    pub elapsed_time: i64,
    /// Fields of newer kernels, and keys this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}
