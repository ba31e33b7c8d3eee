//! A cluster in which nothing happens, and one whose API server is away.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{Cluster, NODES};
use crate::faults::{Killed, Paced};
use crate::fleet;
use crate::release::ready_operators;
use crate::sessions::{Clients, expect_unharmed};
use crate::{full, wait};

const OPERATOR: &str = "system:serviceaccount:trigpoint:trigpoint-operator";
const COLLECTOR: &str = "system:serviceaccount:trigpoint:trigpoint-collector";

#[test]
fn nothing_is_written_while_nothing_happens() {
    let cluster = Cluster::find();
    let (_release, _fleet, _) = fleet::install(&cluster);
    // What follows the end of a rollout: Events, the last status.
    wait(Duration::from_secs(10));
    let before = cluster.audit().len();
    let minutes = if full() { 10 } else { 1 };
    wait(Duration::from_mins(minutes));
    let audit = cluster.audit();
    let written = |user: &str| -> BTreeMap<String, usize> {
        let mut written = BTreeMap::new();
        for event in audit[before..].iter().filter(|event| event["user"]["username"] == user) {
            if is_write(event) {
                *written.entry(what(event)).or_default() += 1;
            }
        }
        written
    };
    let mut operator = written(OPERATOR);
    operator.remove("update leases");
    println!("{minutes} min of nothing: operator {operator:?}, collector {:?}", written(COLLECTOR));
    assert!(operator.is_empty(), "{operator:?}");
    let mut collector = written(COLLECTOR);
    let reviews = collector.remove("create tokenreviews").unwrap_or(0);
    assert!(collector.is_empty(), "{collector:?}");
    // Two programs of each station, every five minutes and where a window begins.
    let most = 2 * NODES.len() * (minutes as usize / 5 + 1);
    assert!(reviews <= most, "{reviews} reviews of tokens");
}

#[test]
fn tests_go_on_without_an_api_server_and_there_is_no_burst_afterwards() {
    let cluster = Cluster::find();
    let (release, fleet, _) = fleet::install(&cluster);
    let addresses: Vec<String> = NODES.iter().map(|node| fleet.address(*node)).collect();
    let _lines = Paced::lines(addresses.len());
    let clients = Clients::start(&cluster, "outage", &addresses);
    let server = Killed::now(&cluster, "kube-apiserver");
    let start = Instant::now();
    wait(if full() { Duration::from_mins(12) } else { Duration::from_secs(45) });
    let without = clients.finished();
    assert!(without >= NODES.len(), "no session ended in {:?}", start.elapsed());
    let before = cluster.audit().len();
    server.start_again(&cluster, || cluster.kubectl(["get", "--raw=/readyz"]).code() == Some(0));
    fleet.until("an operator is ready", |_| (ready_operators(&cluster) > 0).then_some(()));
    wait(Duration::from_secs(30));
    let sessions = clients.stop();
    let account = expect_unharmed(&release, "outage", &sessions, &[]);
    assert_eq!(account.sent_away, 0);
    let mut by_second = BTreeMap::<String, usize>::new();
    for event in &cluster.audit()[before..] {
        if event["user"]["username"] == OPERATOR && is_write(event) {
            let at = event["stageTimestamp"].as_str().unwrap();
            *by_second.entry(at[..19].to_owned()).or_default() += 1;
        }
    }
    let most = by_second.values().max().copied().unwrap_or(0);
    println!(
        "{:.0} s without an API server: {} sessions unharmed, then at most {most} writes a second",
        start.elapsed().as_secs_f64(),
        account.whole
    );
    assert!(most <= 5, "{by_second:?}");
}

fn is_write(event: &Value) -> bool {
    !["get", "list", "watch"].contains(&event["verb"].as_str().unwrap())
        && event["stage"] == "ResponseComplete"
}

fn what(event: &Value) -> String {
    format!(
        "{} {}",
        event["verb"].as_str().unwrap(),
        event["objectRef"]["resource"].as_str().unwrap_or("nothing")
    )
}
