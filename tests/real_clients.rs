//! The clients that the world has, against a real station: each ends without
//! an error, reports rates, and what it printed is what the tables have.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use trigpoint_testkit::{Directory, Finished, Lake, Standalone, eventually, run};

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
const DEADLINE: Duration = Duration::from_mins(2);
const DIRECTIONS: [&str; 2] = ["download", "upload"];

/// What a client printed of one test.
#[derive(Debug, Default)]
struct Printed {
    rate: f64,
    uuid: String,
    /// The server's measurements as the client gives them.
    measurements: Vec<Value>,
}

#[test]
fn mlabs_rust_client_over_ws() {
    ndt7_client("ws", "--no-tls");
}

#[test]
fn mlabs_rust_client_over_wss() {
    ndt7_client("wss", "--no-verify");
}

#[test]
fn mlabs_browser_client_over_ws() {
    ndt7_js("ws");
}

#[test]
fn mlabs_browser_client_over_wss() {
    ndt7_js("wss");
}

#[test]
fn our_page_over_http() {
    own_page("ws", "page-http.png");
}

#[test]
fn our_page_over_https() {
    own_page("wss", "page-https.png");
}

#[test]
fn our_client_over_ws() {
    own_client("ws", &[]);
}

#[test]
fn our_client_over_wss() {
    own_client("wss", &["--insecure"]);
}

fn ndt7_client(transport: &str, tls: &str) {
    against_a_station(transport, |host| {
        let mut client = Command::new(from_environment("NDT7_CLIENT"));
        client.args(["--server", host, "--no-locate", tls, "--format", "json"]);
        let finished = succeeded(&mut client);
        let lines: Vec<Value> =
            finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of_type = |kind: &'static str| lines.iter().filter(move |line| line["Type"] == kind);
        assert_eq!(of_type("Error").next(), None);
        let summary = &of_type("Summary").next().unwrap()["Summary"];
        [("download", "Download"), ("upload", "Upload")].map(|(direction, name)| {
            let measurements = of_type("Measurement")
                .filter(|line| line["Test"] == direction)
                .map(|line| line["Measurement"].clone())
                .filter(|measurement| measurement["Origin"] == "server");
            Printed::new(&summary[name]["ThroughputMbps"], measurements.collect())
        })
    });
}

fn ndt7_js(transport: &str) {
    against_a_station(transport, |host| {
        let result = browser(&["mlab", host, transport]);
        DIRECTIONS.map(|direction| {
            let measurements = result["server"][direction].as_array().unwrap();
            Printed::new(&result["rates"][direction], measurements.clone())
        })
    });
}

/// The page shows figures but no measurements: only its tests are looked up.
fn own_page(transport: &str, screenshot: &str) {
    // Kept, to be looked at.
    let screenshot = Path::new(env!("CARGO_TARGET_TMPDIR")).join(screenshot);
    against_a_station(transport, |host| {
        let result = browser(&["page", host, transport, screenshot.to_str().unwrap()]);
        DIRECTIONS.map(|direction| Printed {
            rate: result["rates"][direction].as_f64().unwrap_or_default(),
            uuid: result["uuids"][direction].as_str().unwrap().to_owned(),
            measurements: Vec::new(),
        })
    });
    println!("    screenshot: {}", screenshot.display());
}

fn own_client(transport: &str, arguments: &[&str]) {
    against_a_station(transport, |host| {
        let mut client = Command::new(TRIGPOINT);
        client.args(["speedtest", &format!("{transport}://{host}"), "--format", "json"]);
        let summary: Value =
            serde_json::from_str(&succeeded(client.args(arguments)).stdout).unwrap();
        DIRECTIONS.map(|direction| {
            let test = &summary[direction];
            let texts = test["server_measurements"].as_array().unwrap();
            let measurements = texts.iter().map(parse).collect();
            let printed = Printed::new(&test["bits_per_second"], measurements);
            assert_eq!(printed.uuid, test["uuid"].as_str().unwrap());
            Printed { rate: printed.rate / 1e6, ..printed }
        })
    });
}

/// Runs a client and compares what it printed with what the station stored.
fn against_a_station(transport: &str, client: impl FnOnce(&str) -> [Printed; 2]) {
    let directory = Directory::new();
    let station = Standalone::start(TRIGPOINT, &directory, &[]);
    let url = if transport == "ws" { station.ws() } else { station.wss() };
    let (_, host) = url.split_once("://").unwrap();
    let printed = client(host);
    for (direction, printed) in DIRECTIONS.into_iter().zip(&printed) {
        compare(station.lake(), transport, direction, printed);
    }
    station.stop();
}

fn compare(lake: &Lake, transport: &str, direction: &str, printed: &Printed) {
    let sql = format!("SELECT * FROM speed_tests WHERE flow_id = '{}'", printed.uuid);
    let row = eventually(DEADLINE, "the test's row", || lake.query(&sql).pop());
    println!(
        "    {transport} {direction}: {:.1} Mbit/s printed, {:.1} stored, {} measurements printed, {} stored",
        printed.rate,
        row["throughput_bits_per_s"].as_f64().unwrap_or_default() / 1e6,
        printed.measurements.len(),
        row["server_measurements"].as_array().map_or(0, Vec::len),
    );
    assert_eq!(row["direction"], direction);
    assert_eq!(row["transport"], transport);
    // M-Lab's clients end an upload by their own clock, which may be first.
    let reason = row["end_reason"].as_str().unwrap();
    let is_by_client = direction == "upload" && reason == "client_closed";
    assert!(is_by_client || reason == "completed", "{reason}: {}", row["end_detail"]);
    assert!(printed.rate > 0.0);
    assert!(row["throughput_bits_per_s"].as_f64().unwrap() > 0.0);

    let kept: Vec<Value> = row["server_measurements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|measurement| parse(&measurement["json"]))
        .collect();
    for measurement in &printed.measurements {
        let found = kept.iter().any(|kept| agrees(kept, measurement));
        assert!(found, "not in the {direction}'s row: {measurement}");
    }
    if direction == "download"
        && let Some(last) = printed.measurements.last()
    {
        assert!(agrees(kept.last().unwrap(), last), "the last one printed was {last}");
    }
}

/// Whether `kept` says everything that `printed` says. Equality is too much:
/// M-Lab's Rust client prints only the members that it knows.
fn agrees(kept: &Value, printed: &Value) -> bool {
    match printed {
        Value::Object(members) => {
            members.iter().all(|(name, printed)| agrees(&kept[name.as_str()], printed))
        }
        _ => kept == printed,
    }
}

fn parse(text: &Value) -> Value {
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

/// The browser's result; any error that it saw fails the test.
fn browser(arguments: &[&str]) -> Value {
    from_environment("NODE_PATH");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/real_clients/browser.cjs");
    let finished = succeeded(Command::new("node").arg(script).args(arguments));
    let result: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(result["errors"], Value::Array(Vec::new()));
    result
}

fn succeeded(client: &mut Command) -> Finished {
    let finished = run(client, DEADLINE);
    finished.expect_code(0);
    finished
}

fn from_environment(name: &str) -> PathBuf {
    let value = env::var_os(name);
    value.unwrap_or_else(|| panic!("{name} is not set: use `cargo xtask prove clients`")).into()
}

impl Printed {
    fn new(rate: &Value, measurements: Vec<Value>) -> Self {
        let first = measurements.first().expect("a client prints the server's measurements");
        let uuid = first["ConnectionInfo"]["UUID"].as_str().unwrap().to_owned();
        Self { rate: rate.as_f64().unwrap_or_default(), uuid, measurements }
    }
}
