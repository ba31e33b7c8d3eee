//! What a prober did, and what it ignored.

/// Totals since the prober was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Probes sent.
    pub sent: u64,
    /// Sends that failed with an error of an earlier probe and were repeated.
    pub sends_repeated: u64,
    /// Answers given to the caller.
    pub replies: u64,
    /// Probes without an answer within the timeout.
    pub lost: u64,
    /// Times that a socket's queue was found full: the kernel has dropped answers, and
    /// does not say how many.
    pub queue_full: u64,
    /// Messages that found no room in front of the raw sockets.
    pub dropped: u64,
    /// Messages that were no answer to a probe.
    pub ignored: Ignored,
}

/// Messages that were ignored, by the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Of the right flow with a nonce that is not one of its probes': forged.
    pub wrong_nonce: u64,
    /// Without a nonce while it could have been for several probes, or for none.
    pub ambiguous: u64,
    /// About a probe that was answered before: duplicated or replayed.
    pub duplicate: u64,
    /// About a probe whose timeout had passed.
    pub late: u64,
    /// Not decodable, or of a kind that says nothing about a path.
    pub unusable: u64,
    /// About packets that are not this prober's; raw sockets only, which see all.
    pub foreign: u64,
}

impl Ignored {
    /// The reasons' names with their counts.
    pub fn by_reason(&self) -> [(&'static str, u64); 6] {
        [
            ("wrong_nonce", self.wrong_nonce),
            ("ambiguous", self.ambiguous),
            ("duplicate", self.duplicate),
            ("late", self.late),
            ("unusable", self.unusable),
            ("foreign", self.foreign),
        ]
    }
}
