//! Why something waits or stopped.

use std::fmt;

use crate::Time;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident $kind:ident,)+) => {
        /// Why the fleet or a node waits: the word that conditions and events carry.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, for documents and checks that are loops over them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Whether it stays until a person, or something outside of the
            /// rollout, changes something.
            pub fn is_standing(self) -> bool {
                match self { $(Self::$name => reasons!(@$kind),)+ }
            }
        }
    };
    (@stands) => { true };
    (@passes) => { false };
}

reasons! {
    // Of the fleet.
    /// Every node that qualifies is on the wanted revision.
    UpToDate stands,
    /// No node is selected and qualifies.
    NoQualifiedNodes stands,
    /// `spec.rollout.paused`.
    Paused stands,
    /// The fleet is being deleted.
    Deleting passes,
    /// `spec.revision` names a revision that does not exist.
    RevisionUnknown stands,
    /// The namespace refuses the pod.
    NamespaceNotPrivileged stands,
    /// More stations than `maxLost` are on nodes that are not ready or vanished.
    NodesLost stands,
    /// No collector takes rows, or this station's oldest row has waited too long.
    IngestUnhealthy stands,
    /// A pod left with rows that nobody acknowledged.
    RowsLost stands,
    /// More nodes than `failureBudget` failed.
    FailureBudgetExhausted stands,
    /// A gate failed more often than it may.
    GateFailed stands,
    /// A gate has had too few samples more often in a row than it may.
    GateInconclusive stands,
    /// A gate could not be measured more often in a row than it may.
    GateError stands,
    /// Gates of the wave are being measured.
    GatePending passes,
    /// All of the wave is updated and is watched for a while.
    CanaryBaking passes,
    /// The wave waits for a person's yes.
    AwaitingApproval stands,
    /// Outside of `spec.rollout.windows`.
    WindowClosed passes,
    /// A wave has no node that could be updated.
    WaveEmpty stands,
    /// Nodes are in flight.
    RollingOut passes,
    /// Nodes go back to the stable revision.
    RollingBack passes,

    // Of a node that gets no station.
    /// A rule of qualification asks for a fact that nobody knows.
    FactUnknown stands,
    /// Older than `minKernel`.
    KernelTooOld stands,
    /// A required congestion control cannot be chosen.
    CongestionControlMissing stands,
    /// More than `maxClockOffset`.
    ClockOffsetTooLarge stands,
    /// One family reaches too little.
    NotDualStack stands,
    /// Not what `virtualization` allows.
    VirtualizationNotAllowed stands,
    /// Less than `minLinkMbps`.
    LinkTooSlow stands,
    /// The CPU manager's policy is not `static`.
    CpuNotStatic stands,
    /// The station does not see its clients' own addresses.
    ClientAddressRewritten stands,
    /// The node has a label of another fleet.
    OwnedByOtherFleet stands,
    /// The fleet's selector does not match it any more.
    NotSelected stands,
    /// A person took it out of service.
    Drained stands,
    /// The node is not ready.
    NodeNotReady stands,
    /// The node is cordoned.
    NodeCordoned stands,
    /// It is not ready, or its pod does not end, in the middle of a handoff.
    NodeLost stands,
    /// The node is gone.
    NodeVanished stands,

    // Of a node whose turn it is not.
    /// A probe finds out its facts, or whether the revision starts on it.
    Probing passes,
    /// The revision does not start on it.
    ProbeFailed stands,
    /// Its wave is not open yet.
    WaveNotOpen passes,
    /// `maxParallel` nodes are in flight.
    ParallelLimit passes,
    /// `maxUnavailable` nodes have no ready station.
    BudgetExhausted stands,
    /// Another station of its site is in flight or out of service.
    SiteBusy stands,
    /// It failed with the revision, and is not tried again until `resume`.
    NodeFailed stands,

    // Of a node in flight.
    /// It was claimed and is to be released.
    Claimed passes,
    /// The old pod drains.
    Draining passes,
    /// The new pod starts.
    Starting passes,
    /// The new pod has not been scheduled for a minute.
    Unschedulable passes,
    /// A test through the public path is to show that it serves.
    SelfTesting passes,

    // How a node fails.
    /// Its pod does not start.
    StartFailed stands,
    /// Its pod was not ready in time.
    NotReadyInTime stands,
    /// The test through the public path failed until the deadline.
    SelfTestFailed stands,

    // How a handoff ends.
    /// It serves.
    Verified passes,
    /// Its revision is not wanted any more, and it was not released yet.
    NotWanted passes,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What somebody who asks "what is it waiting for" is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The word.
    pub reason: Reason,
    /// The sentence: lower-case, with names and numbers.
    pub message: String,
    /// When it ends by itself, if that is known.
    pub until: Option<Time>,
}

impl Wait {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), until: None }
    }

    pub(crate) fn until(self, until: Time) -> Self {
        Self { until: Some(until), ..self }
    }
}
