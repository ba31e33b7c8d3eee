use super::{Qualified, judge, version};
use crate::{
    Facts, Finding, Node, NodeRecord, OnFail, Presence, Probe, ProbeOutcome, Qualification, Reason,
    Revision, Virtualization,
};
use std::time::Duration;

fn node(facts: Option<Facts>) -> Node {
    Node {
        uid: "u".to_owned(),
        version: "1".to_owned(),
        is_selected: true,
        presence: Presence::Ready,
        ready_since: None,
        is_cordoned: false,
        label: None,
        site: None,
        kernel: Some("6.12.94+deb13-cloud-amd64".to_owned()),
        waves: std::collections::BTreeSet::new(),
        record: Some(NodeRecord { uid: "u".to_owned(), facts, ..NodeRecord::default() }),
        pods: Vec::new(),
    }
}

fn facts() -> Facts {
    Facts {
        measured_at: "2026-11-27T08:00:00Z".parse().expect("a time"),
        congestion_controls: Some(["bbr".to_owned(), "cubic".to_owned()].into()),
        clock_offset_micros: Some(-900),
        ipv4: Some(true),
        ipv6: Some(true),
        virtualization: Some("kvm".to_owned()),
        link_mbps: Some(10_000),
        cpu_manager_policy: Some("static".to_owned()),
        keeps_client_address: None,
    }
}

fn strict() -> Qualification {
    Qualification {
        min_kernel: Some("5.10".to_owned()),
        require_congestion_control: vec!["bbr".to_owned()],
        max_clock_offset: Some(Duration::from_millis(1)),
        require_dual_stack: true,
        virtualization: Virtualization::AllowList(vec!["kvm".to_owned()]),
        min_link_mbps: Some(10_000),
        require_static_cpu: true,
        recheck: None,
        on_fail: OnFail::Exclude,
    }
}

fn reasons(verdict: &Qualified) -> Vec<Reason> {
    match verdict {
        Qualified::Yes | Qualified::Awaiting => Vec::new(),
        Qualified::Warned(findings) | Qualified::Unknown(findings) | Qualified::No(findings) => {
            findings.iter().map(|finding: &Finding| finding.reason).collect()
        }
    }
}

#[test]
fn a_node_that_meets_every_rule_at_its_bound_qualifies() {
    assert_eq!(judge(&strict(), &node(Some(facts()))), Qualified::Yes);
}

#[test]
fn each_rule_has_its_own_word() {
    type Spoil = fn(&mut Node, &mut Facts);
    let spoilt: [(Reason, Spoil); 8] = [
        (Reason::KernelTooOld, |node, _| node.kernel = Some("5.9.16-1".to_owned())),
        (Reason::CongestionControlMissing, |_, facts| {
            facts.congestion_controls = Some(["cubic".to_owned()].into());
        }),
        (Reason::ClockOffsetTooLarge, |_, facts| facts.clock_offset_micros = Some(-1001)),
        (Reason::NotDualStack, |_, facts| facts.ipv6 = Some(false)),
        (Reason::VirtualizationNotAllowed, |_, facts| {
            facts.virtualization = Some("vmware".to_owned());
        }),
        (Reason::LinkTooSlow, |_, facts| facts.link_mbps = Some(9_999)),
        (Reason::CpuNotStatic, |_, facts| facts.cpu_manager_policy = Some("none".to_owned())),
        (Reason::ClientAddressRewritten, |_, facts| facts.keeps_client_address = Some(false)),
    ];
    for (reason, spoil) in spoilt {
        let (mut spoilt, mut facts) = (node(None), facts());
        spoil(&mut spoilt, &mut facts);
        spoilt.record.as_mut().expect("a record").facts = Some(facts);
        let verdict = judge(&strict(), &spoilt);
        assert!(matches!(verdict, Qualified::No(_)), "{verdict:?}");
        assert_eq!(reasons(&verdict), [reason]);
    }
}

#[test]
fn a_fact_that_nobody_knows_is_neither_met_nor_unmet() {
    type Forget = fn(&mut Facts);
    let forgets: [Forget; 6] = [
        |facts| facts.congestion_controls = None,
        |facts| facts.clock_offset_micros = None,
        |facts| facts.ipv4 = None,
        |facts| facts.virtualization = None,
        |facts| facts.link_mbps = None,
        |facts| facts.cpu_manager_policy = None,
    ];
    for forget in forgets {
        let mut facts = facts();
        forget(&mut facts);
        let verdict = judge(&strict(), &node(Some(facts)));
        assert!(matches!(verdict, Qualified::Unknown(_)), "{verdict:?}");
        assert_eq!(reasons(&verdict), [Reason::FactUnknown]);
    }
}

#[test]
fn before_the_first_probe_ends_nothing_is_said_but_what_is_seen_without() {
    assert_eq!(judge(&strict(), &node(None)), Qualified::Awaiting);
    let mut old = node(None);
    old.kernel = Some("4.19.0".to_owned());
    assert_eq!(reasons(&judge(&strict(), &old)), [Reason::KernelTooOld]);
    let mut failed = node(None);
    let probe = Probe {
        at: facts().measured_at,
        outcome: ProbeOutcome::Failed { message: "ErrImagePull".to_owned() },
    };
    let record = failed.record.as_mut().expect("a record");
    record.probes.insert(Revision::new("f-1"), probe);
    let verdict = judge(&strict(), &failed);
    assert!(matches!(verdict, Qualified::Unknown(_)));
    assert_eq!(reasons(&verdict)[0], Reason::ProbeFailed);
}

#[test]
fn facts_of_another_machine_of_the_same_name_are_no_facts() {
    let mut replaced = node(Some(facts()));
    replaced.uid = "v".to_owned();
    assert_eq!(judge(&strict(), &replaced), Qualified::Awaiting);
}

#[test]
fn a_warning_uses_the_node_all_the_same() {
    let rules = Qualification { on_fail: OnFail::Warn, ..strict() };
    let slow = Facts { link_mbps: Some(100), ..facts() };
    let verdict = judge(&rules, &node(Some(slow)));
    assert!(matches!(verdict, Qualified::Warned(_)));
    assert_eq!(reasons(&verdict), [Reason::LinkTooSlow]);
}

#[test]
fn without_rules_no_fact_is_needed() {
    assert_eq!(judge(&Qualification::default(), &node(None)), Qualified::Yes);
}

#[test]
fn versions_of_kernels_as_distributions_write_them() {
    assert_eq!(version("6.12.94+deb13-amd64"), Some([6, 12, 94]));
    assert_eq!(version("5.10"), Some([5, 10, 0]));
    assert_eq!(version("5.4.0-150-generic"), Some([5, 4, 0]));
    assert_eq!(version("6.1-rc3"), Some([6, 1, 0]));
    assert_eq!(version("linux"), None);
}
