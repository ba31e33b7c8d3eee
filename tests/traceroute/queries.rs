//! Published queries and views on what live stations stored.
//!
//! Those that ask for geography are answered in `tests/research`: a lab has none.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use trigpoint_testkit::lab::{Behaviour, Node, Routers, Topology, inside};
use trigpoint_testkit::{Directory, Process, Standalone, Stream, beside, eventually, run};

use super::{CERTAIN, DEADLINE, TRIGPOINT};

/// A server and a tracer, as in a pod.
struct Pod {
    server: Process,
    tracer: Process,
    url: String,
}

/// One station of the stable arm of a rollout and one of its canaries, at one site.
#[test]
fn published_queries_are_answered_on_tests_and_traces_of_two_stations() {
    inside("queries::published_queries_are_answered_on_tests_and_traces_of_two_stations", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        // Q20b leaves out what is above 10 Gbit/s, which these kernels alone would reach.
        let link = "qdisc add dev e0-1 root tbf rate 500mbit burst 200000 limit 3000000";
        network.source().execute("tc", link);
        let client = Routers::v4(Node::Target).to_string();
        let directory = Directory::new();
        let collector = Collector::start(&network, &directory);
        let pods = ["stable", "canary"].map(|arm| collector.pod(&network, arm));
        // Of full length, since others are not valid.
        let tests = pods.each_ref().map(|pod| {
            Process::start(network.target().command(TRIGPOINT).args(["speedtest", &pod.url]))
        });
        for test in tests {
            test.finished(DEADLINE).expect_code(0);
        }
        let traced = "SELECT flow_id FROM speed_tests JOIN traces USING (flow_id)";
        eventually(DEADLINE, "a trace for each test", || {
            (collector.query(traced).len() == 4).then_some(())
        });
        for pod in pods {
            pod.server.stop(DEADLINE).expect_code(0);
            pod.tracer.stop(DEADLINE).expect_code(0);
        }

        let tests = collector.ask("q09a_tests_with_traceroutes");
        assert_eq!(tests.len(), 4, "{tests:?}");
        for test in tests {
            assert!(test["MeanThroughputMbps"].as_f64().unwrap() > 1.0, "{test}");
            assert_eq!(test["traceroute_destination"], client.as_str(), "{test}");
            assert_eq!(test["CountryCode"], Value::Null, "{test}");
        }

        let routers: BTreeSet<_> =
            network.plan_v4().vertices.iter().map(|(_, ip)| ip.to_string()).collect();
        let answered = collector.query("SELECT * FROM ndt.hops WHERE addr IS NOT NULL").len();
        let hops = collector.ask("q09b_hops");
        assert_eq!(hops.len(), answered.min(100));
        for hop in hops {
            assert!(routers.contains(hop["hop_ip"].as_str().unwrap()), "{hop}");
            assert_eq!(hop["client_ip"], client.as_str());
            assert_eq!(hop["server_ip"], Routers::v4(Node::Source).to_string());
            assert!(hop["hop_rtt_ms"].as_f64().unwrap() > 0.0, "{hop}");
        }

        let date = collector.date();
        assert_eq!(
            collector.ask("q17a_traceroute_coverage"),
            [json!({ "date": date, "tests": 4, "traced_share": 1.0 })]
        );
        assert_eq!(
            collector.ask("q17b_annotation_coverage"),
            [json!({ "date": date, "tests": 4, "geo_share": 0.0, "asn_share": 0.0 })]
        );
        // Each station has its own.
        assert_eq!(
            collector.ask("q17c_hop_annotation_coverage"),
            [json!({ "date": date, "hops": 2 * routers.len(), "asn_share": 0.0 })]
        );

        let means = collector.ask("q20a_canary_means");
        let arms: Vec<_> = means.iter().map(|row| (&row["site"], &row["arm"])).collect();
        let [site, stable, canary] = ["lab01", "stable", "canary"].map(Value::from);
        assert_eq!(arms, [(&site, &canary), (&site, &stable)]);
        for row in &means {
            let sql = format!(
                "SELECT throughput_bits_per_s / 1e6 AS mbps, retransmission_share AS loss \
                 FROM speed_tests WHERE direction = 'download' AND arm = '{}'",
                row["arm"].as_str().unwrap()
            );
            let test = &collector.query(&sql)[0];
            assert_eq!((&row["mean_mbps"], &row["mean_loss"]), (&test["mbps"], &test["loss"]));
            let geomean = row["geomean_mbps"].as_f64().unwrap() / test["mbps"].as_f64().unwrap();
            assert!((geomean - 1.0).abs() < 1e-9, "{row}");
        }
        let densities = collector.ask("q20b_canary_distributions");
        assert_eq!(densities.len(), 2, "{densities:?}");
        for row in densities {
            assert_eq!((&row["site_pdf"], &row["site_cdf"]), (&json!(1.0), &json!(1.0)), "{row}");
        }
        let valid = "SELECT (SELECT count(*) FROM ndt.unified_downloads) AS downloads, \
                     (SELECT count(*) FROM ndt.unified_uploads) AS uploads";
        assert_eq!(collector.query(valid), [json!({ "downloads": 1, "uploads": 1 })]);
        collector.process.stop(DEADLINE).expect_code(0);
    });
}

/// Whoever sets up a station tests it from the own network first.
#[test]
fn a_first_test_from_a_private_address_is_said_to_be_hidden() {
    inside("queries::a_first_test_from_a_private_address_is_said_to_be_hidden", || {
        let network = Routers::new(Topology::hops(&[1]), Behaviour::default());
        network.source().execute("ip", "address add 10.20.30.40/32 dev lo");
        let directory = Directory::new();
        let command = network.source().command(TRIGPOINT);
        let arguments = ["--listen", "10.20.30.40"];
        let station = Standalone::start_with(command, TRIGPOINT, &directory, &arguments);
        let test = || {
            let mut speedtest = network.source().command(TRIGPOINT);
            speedtest.args(["speedtest", station.ws(), "--only", "download"]);
            run(&mut speedtest, DEADLINE).expect_code(0);
        };
        test();
        let line = "The test of 10.20.30.40 is not in `ndt.unified_downloads`, because of \
                    `filter._IsRFC1918`, its client has a private address";
        station.process().line(Stream::Stdout, DEADLINE, |it| (it == line).then_some(()));
        assert!(station.query("SELECT id FROM ndt.unified_downloads").is_empty());
        let all = "SELECT filter._IsRFC1918 AS is_private \
                   FROM ndt_intermediate.extended_ndt7_downloads";
        assert_eq!(station.query(all), [json!({ "is_private": true })]);
        station.stop();
    });
}

struct Collector<'a> {
    process: Process,
    directory: &'a Directory,
    url: String,
}

impl<'a> Collector<'a> {
    fn start(network: &Routers, directory: &'a Directory) -> Self {
        std::fs::write(directory.join("tokens"), "lab01 secret-of-lab01-0\n").unwrap();
        std::fs::write(directory.join("token"), "secret-of-lab01-0\n").unwrap();
        let mut command = network.source().command(TRIGPOINT);
        command.args(["collector", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(directory.join("collector"));
        let process = Process::start(command.arg("--token-file").arg(directory.join("tokens")));
        let url = format!("https://{}", address(&process, "https://"));
        Self { process, directory, url }
    }

    fn pod(&self, network: &Routers, arm: &str) -> Pod {
        let command = |program: &str| {
            let mut command = network.source().command(beside(TRIGPOINT, "trigpoint-station"));
            command.args([program, "--listen", &Routers::v4(Node::Source).to_string()]);
            command.args(["--admin-port", "0", "--lame-duck", "0s", "--collector", &self.url]);
            command.args(["--site", "lab01", "--arm", arm, "--machine", &format!("node-{arm}")]);
            command.arg("--event-socket").arg(self.directory.join(format!("{arm}.sock")));
            command.arg("--data-dir").arg(self.directory.join(arm));
            command.arg("--token-file").arg(self.directory.join("token"));
            command.arg("--collector-ca").arg(self.directory.join("collector/tls/certificate.pem"));
            command
        };
        let tracer = Process::start(command("traceroute").args(CERTAIN));
        let server = Process::start(command("server").args(["--ws-port", "0", "--wss-port", "0"]));
        let url = format!("ws://{}", address(&server, "ws://"));
        Pod { server, tracer, url }
    }

    fn query(&self, sql: &str) -> Vec<Value> {
        let mut command = Command::new(TRIGPOINT);
        command.args(["query", "--format", "json", sql, "--data-dir"]);
        let answer = run(command.arg(self.directory.join("collector")), DEADLINE);
        answer.expect_code(0);
        serde_json::from_str(&answer.stdout).unwrap()
    }

    /// The day of the tests.
    fn date(&self) -> String {
        let rows = self.query("SELECT date FROM speed_tests ORDER BY date LIMIT 1");
        rows[0]["date"].as_str().unwrap().to_owned()
    }

    /// What a file of `queries/` asks, of that day.
    fn ask(&self, name: &str) -> Vec<Value> {
        let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries");
        let sql = std::fs::read_to_string(queries.join(format!("{name}.sql"))).unwrap();
        self.query(&sql.replace("2026-11-24", &self.date()))
    }
}

/// The address after `scheme` in the first line of stdout that has it.
fn address(process: &Process, scheme: &str) -> String {
    process.line(Stream::Stdout, DEADLINE, |line| {
        let (_, rest) = line.split_once(scheme)?;
        Some(rest.split(['/', ' ']).next()?.to_owned())
    })
}
