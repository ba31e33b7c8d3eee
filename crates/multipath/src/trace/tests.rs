//! A transport that takes one probe of a flow at a time.

use super::*;

/// From a probe to its answer, at any hop.
const ROUND_TRIP: Duration = Duration::from_millis(10);
/// The second hop, between single routers: by flow.
const WAYS: u16 = 4;
const DESTINATION: u8 = 4;
/// More than a trace has probes.
const NONE: u16 = u16::MAX;

/// What became of a trace.
struct Seen {
    path: Path,
    /// Probes of one flow that were on their way together, at most.
    of_one_flow: usize,
    /// Probes of different flows, at most.
    together: usize,
}

/// A trace through 1-4-1 where one probe in `lost` is lost.
fn trace(settings: &Settings, lost: u16) -> Seen {
    let is_lost = |probe: Probe| probe.id.0 % lost == lost - 1;
    let mut trace = Trace::new(settings.clone(), Duration::ZERO);
    let mut now = Duration::ZERO;
    let mut under_way: VecDeque<(Duration, Probe)> = VecDeque::new();
    let (mut of_one_flow, mut together) = (0, 0);
    loop {
        match trace.next(now) {
            Next::Done(_) => return Seen { path: trace.path(), of_one_flow, together },
            Next::Send(probe) => {
                let takes = if is_lost(probe) { settings.reply_timeout } else { ROUND_TRIP };
                under_way.push_back((now + takes, probe));
                let its = under_way.iter().filter(|(_, other)| other.flow == probe.flow);
                of_one_flow = of_one_flow.max(its.count());
                together = together.max(under_way.len());
            }
            Next::Wait { until } => {
                assert!(until > now, "waits for {until:?} at {now:?}");
                let next = under_way.iter().map(|(end, _)| *end).min();
                now = next.map_or(until, |next| next.min(until));
                while let Some(at) = under_way.iter().position(|(end, _)| *end <= now) {
                    let Some((_, probe)) = under_way.remove(at) else { break };
                    if !is_lost(probe) {
                        trace.on_reply(probe.id, &answer(probe), now);
                    }
                }
                trace.on_timeout(now);
            }
        }
    }
}

fn answer(probe: Probe) -> Reply {
    let way = if probe.ttl == 2 { (probe.flow.0 * 7 / 3 % WAYS) as u8 } else { 0 };
    let kind =
        if probe.ttl < DESTINATION { ReplyKind::TimeExceeded } else { ReplyKind::Destination };
    Reply { from: [192, 0, probe.ttl, way].into(), kind, labels: Vec::new() }
}

fn shape(path: &Path) -> Vec<usize> {
    path.hops.iter().map(|hop| hop.vertices.len()).collect()
}

#[test]
fn no_flow_has_two_probes_on_their_way_where_it_may_have_one() {
    for strategy in [Strategy::Mda, Strategy::MdaLite] {
        let settings = Settings { strategy, ..Settings::default() };
        assert!(
            trace(&settings, NONE).of_one_flow > 1,
            "a balancer is asked the same several times"
        );
        let seen = trace(&Settings { one_probe_per_flow: true, ..settings }, NONE);
        assert_eq!(seen.of_one_flow, 1);
        assert!(seen.together > 1, "other flows do not wait");
        assert_eq!(seen.path.stop, Some(StopReason::Completed));
        assert_eq!((shape(&seen.path), seen.path.edges.len()), (vec![1, 4, 1, 1], 10));
    }
}

#[test]
fn a_lost_probe_holds_its_flow_up_until_its_time_is_over() {
    let settings = Settings { one_probe_per_flow: true, ..Settings::default() };
    let seen = trace(&settings, 5);
    assert_eq!(seen.of_one_flow, 1);
    assert_eq!(seen.path.stop, Some(StopReason::Completed));
    assert_eq!(shape(&seen.path), [1, 4, 1, 1]);
    assert!(seen.path.probes.iter().any(|probe| probe.was_lost));
}
