//! `spec.qualification`.

use trigpoint_crd::fleet as crd;
use trigpoint_rollout::{OnFail, Qualification, Virtualization};

pub(super) fn qualification(rules: &crd::Qualification) -> Qualification {
    Qualification {
        min_kernel: rules.min_kernel.clone(),
        require_congestion_control: rules.require_congestion_control.clone(),
        max_clock_offset: rules.max_clock_offset.map(|offset| offset.0),
        require_dual_stack: rules.require_dual_stack,
        virtualization: virtualization(&rules.allowed_virtualization),
        min_link_mbps: rules.min_link_mbps.and_then(|speed| u64::try_from(speed).ok()),
        require_static_cpu: rules.require_static_cpu,
        recheck: Some(rules.recheck.0),
        on_fail: match rules.on_fail {
            crd::OnUnqualified::Exclude => OnFail::Exclude,
            crd::OnUnqualified::Hold => OnFail::Hold,
            crd::OnUnqualified::Warn => OnFail::Warn,
        },
    }
}

/// `[none]` is bare metal only; bare metal is allowed beside any other list.
fn virtualization(allowed: &[String]) -> Virtualization {
    match allowed {
        [] => Virtualization::Any,
        [only] if only == "none" => Virtualization::BareMetalOnly,
        kinds => Virtualization::AllowList(kinds.to_vec()),
    }
}
