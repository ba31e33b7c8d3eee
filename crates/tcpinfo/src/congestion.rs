//! What a congestion-control algorithm says about itself
//! (`union tcp_cc_info`, `include/uapi/linux/inet_diag.h`).

/// The state of the congestion-control algorithm of one socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Congestion {
    /// Attribute `INET_DIAG_BBRINFO`.
    Bbr(Bbr),
    /// Attribute `INET_DIAG_VEGASINFO`; illinois, nv, westwood and yeah use it too.
    Vegas(Vegas),
    /// Attribute `INET_DIAG_DCTCPINFO`.
    Dctcp(Dctcp),
}

pub use bbr::Bbr;
pub use dctcp::Dctcp;
pub use vegas::Vegas;

/// `INET_DIAG_VEGASINFO`.
pub const VEGAS_ATTRIBUTE: u16 = 3;
/// `INET_DIAG_DCTCPINFO`.
pub const DCTCP_ATTRIBUTE: u16 = 9;
/// `INET_DIAG_BBRINFO`.
pub const BBR_ATTRIBUTE: u16 = 16;

impl Congestion {
    /// Decodes the value of an inet_diag attribute; `None` for an attribute
    /// that holds no congestion-control state.
    pub fn decode(attribute: u16, value: &[u8]) -> Option<Self> {
        match attribute {
            BBR_ATTRIBUTE => Some(Self::Bbr(Bbr::decode(value))),
            VEGAS_ATTRIBUTE => Some(Self::Vegas(Vegas::decode(value))),
            DCTCP_ATTRIBUTE => Some(Self::Dctcp(Dctcp::decode(value))),
            _ => None,
        }
    }

    /// The inet_diag attribute and the value that were decoded.
    pub fn encode(&self) -> (u16, Vec<u8>) {
        match self {
            Self::Bbr(block) => (BBR_ATTRIBUTE, block.encode()),
            Self::Vegas(block) => (VEGAS_ATTRIBUTE, block.encode()),
            Self::Dctcp(block) => (DCTCP_ATTRIBUTE, block.encode()),
        }
    }
}

/// Fields of `struct tcp_bbr_info`.
pub mod bbr {
    crate::layout::table! {
        /// `struct tcp_bbr_info`: BBR's model of the path.
        Bbr {
            BANDWIDTH_BYTES_PER_S bandwidth_bytes_per_s 64 @ 0, None, BytesPerSecond, "4.9",
                "Bottleneck bandwidth that BBR believes in: windowed maximum of the delivery rate (bbr_bw_lo and bbr_bw_hi).";
            MIN_RTT_US min_rtt_us 32 @ 8, Some(0xffff_ffff), Microseconds, "4.9",
                "Smallest RTT in BBR's window of 10 s.";
            PACING_GAIN pacing_gain 32 @ 12, None, Ratio, "4.9",
                "Gain applied to the bandwidth for pacing, times 256.";
            CWND_GAIN cwnd_gain 32 @ 16, None, Ratio, "4.9",
                "Gain applied to the bandwidth-delay product for the window, times 256.";
        }
    }
}

/// Fields of `struct tcpvegas_info`.
pub mod vegas {
    crate::layout::table! {
        /// `struct tcpvegas_info`: a delay-based algorithm's round trips.
        Vegas {
            ENABLED enabled 32 @ 0, None, Code, "2.6",
                "1 while the algorithm follows delay, 0 while it behaves like Reno.";
            RTT_COUNT rtt_count 32 @ 4, None, Count, "2.6",
                "RTT samples in the last round trip.";
            RTT_US rtt_us 32 @ 8, Some(0x7fff_ffff), Microseconds, "2.6",
                "RTT as the algorithm uses it (vegas: the base RTT; illinois: the mean).";
            MIN_RTT_US min_rtt_us 32 @ 12, Some(0x7fff_ffff), Microseconds, "2.6",
                "Smallest RTT in the algorithm's window.";
        }
    }
}

/// Fields of `struct tcp_dctcp_info`.
pub mod dctcp {
    crate::layout::table! {
        /// `struct tcp_dctcp_info`: DCTCP's estimate of marking.
        Dctcp {
            ENABLED enabled 16 @ 0, None, Code, "4.1",
                "1 while DCTCP is in use, 0 while it fell back to Reno for want of ECN.";
            CE_STATE ce_state 16 @ 2, None, Code, "4.1",
                "1 if the last received segment carried a CE mark.";
            ALPHA alpha 32 @ 4, None, Ratio, "4.1",
                "Estimated share of marked bytes, times 1024.";
            AB_ECN_BYTES ab_ecn_bytes 32 @ 8, None, Bytes, "4.1",
                "Acknowledged bytes that carried marks in this window (dctcp_ab_ecn).";
            AB_TOT_BYTES ab_tot_bytes 32 @ 12, None, Bytes, "4.1",
                "Acknowledged bytes in this window (dctcp_ab_tot).";
        }
    }
}
