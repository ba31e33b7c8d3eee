//! What a socket keeps in kernel memory.

pub use meminfo::Meminfo;
pub use skmeminfo::SkMeminfo;

/// Fields of `struct inet_diag_meminfo`.
pub mod meminfo {
    crate::layout::table! {
        /// `struct inet_diag_meminfo`, attribute `INET_DIAG_MEMINFO`.
        Meminfo {
            RMEM_BYTES rmem_bytes 32 @ 0, None, Bytes, "2.6",
                "Memory of data received and not yet read (idiag_rmem).";
            WMEM_BYTES wmem_bytes 32 @ 4, None, Bytes, "2.6",
                "Memory of data queued for sending (idiag_wmem, sk_wmem_queued).";
            FMEM_BYTES fmem_bytes 32 @ 8, None, Bytes, "2.6",
                "Memory reserved for the socket and not yet used (idiag_fmem), in two's complement: 2^31 and more is negative.";
            TMEM_BYTES tmem_bytes 32 @ 12, None, Bytes, "2.6",
                "Memory of data handed to the layers below and not yet freed (idiag_tmem, sk_wmem_alloc).";
        }
    }
}

/// Fields of the `SK_MEMINFO` array.
pub mod skmeminfo {
    crate::layout::table! {
        /// The array of `enum` `SK_MEMINFO_*`, attribute `INET_DIAG_SKMEMINFO`.
        SkMeminfo {
            RMEM_ALLOC_BYTES rmem_alloc_bytes 32 @ 0, None, Bytes, "3.2",
                "Memory of data received and not yet read.";
            RCVBUF_BYTES rcvbuf_bytes 32 @ 4, None, Bytes, "3.2",
                "Limit of the receive buffer.";
            WMEM_ALLOC_BYTES wmem_alloc_bytes 32 @ 8, None, Bytes, "3.2",
                "Memory of data handed to the layers below and not yet freed.";
            SNDBUF_BYTES sndbuf_bytes 32 @ 12, None, Bytes, "3.2",
                "Limit of the send buffer.";
            FWD_ALLOC_BYTES fwd_alloc_bytes 32 @ 16, None, Bytes, "3.2",
                "Memory reserved for the socket and not yet used, in two's complement: 2^31 and more is negative.";
            WMEM_QUEUED_BYTES wmem_queued_bytes 32 @ 20, None, Bytes, "3.2",
                "Memory of data queued for sending, sent and unacknowledged data included.";
            OPTMEM_BYTES optmem_bytes 32 @ 24, None, Bytes, "3.2",
                "Memory of socket options and filters.";
            BACKLOG_BYTES backlog_bytes 32 @ 28, None, Bytes, "3.6",
                "Memory of packets that wait while the socket is locked.";
            DROPS drops 32 @ 32, None, Count, "4.7",
                "Packets that the socket dropped.";
        }
    }
}
