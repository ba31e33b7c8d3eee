//! Routers that answer as seldom as Linux does by default: over IPv4 six probes at once,
//! and then one a second, over IPv6 ten times as many.

use serde_json::Value;
use trigpoint_testkit::lab::{Behaviour, Routers, Topology, inside};

use crate::graph::graph;
use crate::station::{Asked, trace};

/// A minute is what a trace may take; its last answers are then on their way.
const BUDGET_US: u64 = 61_000_000;

/// A second is what 1-16-1 may take where nobody else uses the machine; the short form has
/// the same network among its topologies.
#[test]
fn sixteen_ways_are_found_within_a_second() {
    if !crate::is_full() {
        println!("left to the full form: it is about time");
        return;
    }
    inside("limits::sixteen_ways_are_found_within_a_second", || {
        let network = Routers::new(Topology::hops(&[1, 16, 1]), Behaviour::default());
        network.add_targets(1);
        let asked = Asked { algorithm: "mda-lite", failure_probability: 0.05 };
        for target in [Routers::target_v4(1), Routers::target_v6(1)] {
            let row = trace(&network, asked, &[target]).remove(0);
            let elapsed_us = row["elapsed_us"].as_u64().unwrap();
            println!("{target}: {} ms, {} probes", elapsed_us / 1000, row["probe_count"]);
            assert_eq!(row["stop_reason"], "completed");
            assert!(elapsed_us < 1_000_000, "{elapsed_us} us");
        }
    });
}

/// The truth or a budget, and no loss made up in either case.
#[test]
fn limited_routers_are_marked_and_their_silence_is_no_loss() {
    inside("limits::limited_routers_are_marked_and_their_silence_is_no_loss", || {
        let widths: &[usize] = if crate::is_full() { &[1, 16, 1] } else { &[1, 2, 1] };
        let behaviour = Behaviour { icmp_limits: true, ..Behaviour::default() };
        let network = Routers::new(Topology::hops(widths), behaviour);
        network.add_targets(1);
        // IPv4 takes four times as long, for want of answers.
        let targets = [Routers::target_v6(1), Routers::target_v4(1)];
        let targets = if crate::is_full() { &targets[..] } else { &targets[..1] };
        let asked = Asked { algorithm: "mda-lite", failure_probability: 0.05 };
        for row in trace(&network, asked, targets) {
            let target = row["target_ip"].as_str().unwrap();
            let plan = network.plan_to(target.parse().unwrap());
            let (stop, elapsed_us) = (&row["stop_reason"], row["elapsed_us"].as_u64().unwrap());
            let limited: Vec<&Value> =
                hops(&row).filter(|hop| hop["is_rate_limited"] == true).collect();
            println!(
                "{target}: {stop} after {} ms, {} probes, hops {:?} limited",
                elapsed_us / 1000,
                row["probe_count"],
                limited.iter().map(|hop| &hop["ttl"]).collect::<Vec<_>>()
            );
            if stop == "completed" {
                assert_eq!(graph(&row), Some(plan));
            } else {
                assert!(["time_budget", "probe_budget"].iter().any(|budget| stop == budget));
            }
            assert!(elapsed_us <= BUDGET_US);
            for hop in limited {
                assert_eq!(hop["loss_share"], Value::Null, "{hop}");
            }
            // The first router answers for every flow.
            let first = hops(&row).next().unwrap();
            assert_eq!(first["is_rate_limited"], true, "{first}");
        }
    });
}

fn hops(row: &Value) -> impl Iterator<Item = &Value> {
    row["hops"].as_array().unwrap().iter()
}
