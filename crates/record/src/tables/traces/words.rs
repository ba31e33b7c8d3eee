//! The words that a trace's row is written in.

/// A set of words, each with its meaning in the column's doc.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$word_doc])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in the row.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

words! {
    /// What became of the wish to trace a client.
    Outcome {
        /// The client answered.
        Complete => "complete",
        /// The trace ended before the client answered.
        Incomplete => "incomplete",
        /// The station stopped in the middle of the trace.
        Interrupted => "interrupted",
        /// The trace could not be made.
        Failed => "failed",
        /// The client is this host.
        SkippedLoopback => "skipped_loopback",
        /// The client is on the same link: there is no router between.
        SkippedLinkLocal => "skipped_link_local",
        /// The client's address is one of this host's.
        SkippedOwnAddress => "skipped_own_address",
        /// The client's address is private, and the station does not trace those.
        SkippedPrivate => "skipped_private",
        /// The client's address is of a network that the station does not trace.
        SkippedExcluded => "skipped_excluded",
        /// The client's address is not that of one host.
        SkippedReserved => "skipped_reserved",
        /// No packet can be sent to the client's address.
        SkippedNoRoute => "skipped_no_route",
        /// Too many clients waited.
        SkippedQueueFull => "skipped_queue_full",
        /// The station stopped before it was the client's turn.
        SkippedStopped => "skipped_stopped",
    }
}

/// Doc of the column that holds an [`Outcome`].
pub(super) const OUTCOMES: &str = "What became of it: complete (the client answered), incomplete (it did not, as most clients that drop UDP; stop_reason says where the trace ended), interrupted (the station stopped), failed; and where nothing was sent, skipped_loopback, skipped_link_local, skipped_own_address (of this host), skipped_private, skipped_excluded (by the station's settings), skipped_reserved (no host's address), skipped_no_route, skipped_queue_full (too many clients waited), skipped_stopped (the station stopped before its turn).";

words! {
    /// What a client is to be traced at.
    Trigger {
        /// The opening of its connection.
        Open => "open",
        /// The end of its connection.
        Close => "close",
    }
}

/// Doc of the column that holds a [`Trigger`].
pub(super) const TRIGGERS: &str = "What the client was to be traced at: open or close of the connection. At its close, the trace does not compete with the test.";

words! {
    /// What probes are.
    Protocol {
        /// UDP datagrams; a flow is a source port.
        Udp => "udp",
        /// ICMP echo requests; a flow is a checksum.
        Icmp => "icmp",
        /// TCP SYNs; a flow is a source port.
        Tcp => "tcp",
    }
}

words! {
    /// How answers are received.
    Receiver {
        /// By the kernel's error queues.
        ErrorQueue => "error_queue",
        /// By raw sockets.
        Raw => "raw",
    }
}

/// Doc of the column that holds a [`Receiver`].
pub(super) const RECEIVERS: &str = "How answers were received: error_queue (without privilege; columns of the quoted header and of the reply's identification are NULL) or raw.";

words! {
    /// How the paths are looked for.
    Algorithm {
        /// The multipath detection algorithm.
        Mda => "mda",
        /// MDA-Lite.
        MdaLite => "mda_lite",
        /// One flow, one path.
        Paris => "paris",
    }
}

/// Doc of the column that holds an [`Algorithm`].
pub(super) const ALGORITHMS: &str = "How the paths were looked for: mda (multipath detection algorithm, Veitch et al. 2009), mda_lite (Vermeulen et al. 2018; meshed and asymmetric diamonds by mda), paris (one flow, one path).";

words! {
    /// Of what a failure probability is.
    Scope {
        /// Of the whole trace.
        Trace => "trace",
        /// Of each vertex that branches.
        Vertex => "vertex",
    }
}

/// Doc of the column that holds a [`Scope`].
pub(super) const SCOPES: &str = "Of what failure_probability is: trace (with at most 30 vertices that branch) or vertex (each that branches).";

words! {
    /// Why a trace ended.
    StopReason {
        /// Every branch leads to the target.
        Completed => "completed",
        /// A branch ended in silence.
        GapLimit => "gap_limit",
        /// A branch ended in Destination Unreachable.
        Unreachable => "unreachable",
        /// A branch came back to where it had been.
        Loop => "loop",
        /// A branch goes on beyond the largest time to live.
        HopLimit => "hop_limit",
        /// All probes were sent.
        ProbeBudget => "probe_budget",
        /// The time was over.
        TimeBudget => "time_budget",
        /// The path changed again and again.
        Unstable => "unstable",
    }
}

/// Doc of the column that holds a [`StopReason`].
pub(super) const STOP_REASONS: &str = "Why the trace ended: completed (every branch leads to the client), gap_limit (a branch ended in silent hops), unreachable (in Destination Unreachable), loop, hop_limit (of the time to live), probe_budget, time_budget, unstable (the path changed again and again); NULL when it was interrupted or failed.";

words! {
    /// What a probe is sent for.
    Purpose {
        /// To learn where a flow is at a hop.
        Discovery => "discovery",
        /// Sent again, to learn whether a balancer sends one flow one way.
        PerPacketTest => "per_packet_test",
        /// Sent again, to learn whether the path is still what it was.
        PathCheck => "path_check",
    }
}

words! {
    /// How an answer was matched to its probe.
    Match {
        /// It quotes what only who saw the probe knows.
        Nonce => "nonce",
        /// It quotes the flow only, of which one probe was outstanding.
        PortOnly => "port_only",
    }
}
