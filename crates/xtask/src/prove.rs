//! Proofs: suites that need more than Rust and a C compiler, or that count.
//!
//! Each is a test suite in `tests/`, left out of a plain `cargo test`.
//! `TRIGPOINT_PROVE=full` in its environment asks for the full counts of an
//! issue's "Must show"; without it a suite runs the short form for CI.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use crate::cluster::Lent;
use crate::command::{cargo, root, run, run_and_read};
use crate::outcome::Outcome;
use crate::{image, tools};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// What to prove: all of them with `all`
    #[arg(value_parser = PossibleValuesParser::new(topics()))]
    topic: String,
    /// The short form that CI runs
    #[arg(long)]
    short: bool,
    /// Cargo's profile; DataFusion in `release` takes half an hour to build,
    /// and its commits, of which a long history has many, take a third of the time
    #[arg(long, default_value = "dev", value_parser = ["dev", "release"])]
    profile: String,
}

/// Topic, and the suites of `tests/` that show it.
const SUITES: &[(&str, &[&str])] = &[
    ("truth", &["truth"]),
    ("fresh", &["freshness"]),
    ("lab", &["lab"]),
    ("prober", &["prober"]),
    ("traceroute", &["traceroute", "paths"]),
    ("slow-links", &["slow_links"]),
    ("hostile", &["hostile"]),
    ("spool", &["spool_faults"]),
    ("stores", &["object_store"]),
    ("durable", &["durable"]),
    ("soak", &["soak"]),
    ("clients", &["real_clients"]),
    ("engines", &["engines"]),
    ("annotation", &["annotation"]),
    ("research", &["research"]),
    ("flight-sql", &["flight_sql"]),
    ("gates", &["gates"]),
    ("definitions", &["definitions"]),
    ("tokens", &["tokens"]),
    ("charts", &["charts"]),
    ("image", &["image"]),
    ("rollout", &["model"]),
    ("operator", &["operator", "fleet"]),
    ("kubernetes", &["kubernetes", "kubernetes_rights"]),
];

/// Of a suite that takes two and a half hours, what CI runs: by the names of tests.
const SHORT_ON_KUBERNETES: &[&str] = &["install::", "handoff::", "every_right"];

/// Of the same suite, those that watch a cluster for many minutes.
const SOAKS_ON_KUBERNETES: &[&str] = &["quiet::"];

const FUZZ_TARGETS: &[&str] = &[
    "websocket_frames",
    "ndt7_messages",
    "tcp_info",
    "netlink_replies",
    "batches",
    "flow_events",
    "icmp_messages",
    "control_messages",
];

/// What there is to prove.
fn topics() -> impl Iterator<Item = &'static str> {
    SUITES.iter().map(|(topic, _)| *topic).chain(["fuzz", "all"])
}

pub(crate) fn run_options(options: &Options) -> Result<()> {
    let mut total = Outcome::default();
    for topic in SUITES.iter().map(|(topic, _)| *topic).chain(["fuzz"]) {
        if options.topic == topic || options.topic == "all" {
            total.add(prove(topic, !options.short, &options.profile)?);
        }
    }
    tell(&total, &options.topic)
}

/// What takes ten minutes and more each on a whole cluster, at full length.
pub(crate) fn soak() -> Result<()> {
    tell(&prove_only("kubernetes", true, "dev", SOAKS_ON_KUBERNETES)?, "soak")
}

fn tell(outcome: &Outcome, what: &str) -> Result<()> {
    println!("{} passed, {} failed", outcome.passed, outcome.failed);
    if outcome.failed > 0 {
        bail!("`{what}` is not proven");
    }
    Ok(())
}

/// The short form, for CI.
pub(crate) fn short(topic: &str) -> Result<Outcome> {
    prove(topic, false, "dev")
}

fn prove(topic: &str, full: bool, profile: &str) -> Result<Outcome> {
    if topic == "fuzz" {
        return fuzz(full);
    }
    let only = if topic == "kubernetes" && !full { SHORT_ON_KUBERNETES } else { &[] };
    prove_only(topic, full, profile, only)
}

/// A topic by some of its tests, or by all where none are named.
fn prove_only(topic: &str, full: bool, profile: &str, only: &[&str]) -> Result<Outcome> {
    let Some((_, suites)) = SUITES.iter().find(|(known, _)| *known == topic) else {
        bail!("no suite shows `{topic}`");
    };
    tools::build_executables(profile)?;
    // Each suite is run, whatever becomes of those before.
    let mut test = cargo(&["test", "--workspace", "--locked", "--quiet", "--no-fail-fast"]);
    for suite in *suites {
        test.args(["--test", suite]);
    }
    // An operator waits more than it works: for pods that are ready, for what has passed.
    let threads = if topic == "operator" { "--test-threads=3" } else { "--test-threads=1" };
    test.args(["--profile", profile, "--", threads, "--nocapture"]);
    test.args(only);
    if full {
        test.env("TRIGPOINT_PROVE", "full");
    }
    // Goes with the suite, unless it was up before.
    let mut cluster = None;
    match topic {
        "lab" | "slow-links" | "truth" | "hostile" | "spool" => {
            tools::debian(&[("tc", "iproute2"), ("ethtool", "ethtool"), ("python3", "python3")])?;
        }
        "prober" => {
            tools::debian(&[("ip", "iproute2"), ("nft", "nftables")])?;
        }
        "traceroute" => {
            tools::debian(&[("ip", "iproute2"), ("nft", "nftables"), ("dot", "graphviz")])?;
            if full {
                tools::debian(&[("scamper", "scamper"), ("ethtool", "ethtool")])?;
            }
        }
        "stores" | "durable" | "fresh" => {
            test.env("VERSITYGW", tools::versitygw()?);
        }
        "clients" => {
            tools::debian(&[("chromium", "chromium")])?;
            test.env("NDT7_CLIENT", tools::ndt7_client()?);
            test.env("NODE_PATH", tools::browser_modules()?);
        }
        "engines" => {
            tools::debian(&[("java", "openjdk-17-jre-headless"), ("mvn", "maven")])?;
            test.env("ENGINES_PYTHON", tools::engines()?);
            test.env("SPARK_JARS", tools::delta_spark()?);
            if full {
                test.env("SPARK_S3_JARS", tools::spark_on_s3()?);
            }
            test.env("VERSITYGW", tools::versitygw()?);
        }
        "annotation" => {
            test.env("ADDRESS_MODULES", tools::address_modules()?);
        }
        "research" => {
            tools::debian(&[("java", "openjdk-17-jre-headless"), ("mvn", "maven")])?;
            test.env("ENGINES_PYTHON", tools::engines()?);
            test.env("SPARK_JARS", tools::delta_spark()?);
        }
        "flight-sql" => {
            tools::debian(&[("javac", "openjdk-17-jdk-headless"), ("mvn", "maven")])?;
            test.env("ENGINES_PYTHON", tools::engines()?);
            test.env("FLIGHT_SQL_JDBC", tools::flight_sql_jdbc()?);
        }
        "definitions" | "operator" | "tokens" => {
            test.env("KUBERNETES_BIN", tools::kubernetes()?);
        }
        "charts" => {
            test.env("KUBERNETES_BIN", tools::kubernetes()?);
            test.env("KUBERNETES_SCHEMAS_PYTHON", tools::kubernetes_schemas()?);
        }
        "kubernetes" => {
            let image = image::build(profile)?;
            let lent = cluster.insert(Lent::with_image(&image)?);
            test.env("KUBERNETES_CLUSTER", lent.folder());
            test.env("KUBERNETES_BIN", tools::kubernetes()?);
            test.env("VERSITYGW", tools::versitygw()?);
        }
        "rollout" => in_new_worlds(&mut test, full),
        "image" => {
            tools::debian(&[("runc", "runc")])?;
            test.env("IMAGE", image::build(profile)?);
            test.env("VERSITYGW", tools::versitygw()?);
        }
        _ => {}
    }
    let mut outcome = outcome_of(&mut test)?;
    drop(cluster);
    if topic == "spool" && full {
        // Random histories of a spool on a faulty disk: a plain test runs a few hundred.
        let arguments = ["test", "--workspace", "--locked", "--quiet", "--lib", "tests::model"];
        outcome.add(outcome_of(cargo(&arguments).env("PROPTEST_CASES", "20000"))?);
    }
    if topic == "traceroute" && full {
        // The promise over thousands of simulated networks: a plain test runs hundreds.
        let arguments = ["test", "--workspace", "--locked", "--quiet", "--test", "simulated"];
        let mut simulated = cargo(&arguments);
        simulated.args(["--", "--nocapture"]).env("TRIGPOINT_PROVE", "full");
        outcome.add(outcome_of(&mut simulated)?);
    }
    Ok(outcome)
}

/// Worlds that no test has run before.
fn in_new_worlds(test: &mut Command, full: bool) {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    println!("seed of the worlds: PROPTEST_RNG_SEED={seed}");
    test.env("PROPTEST_RNG_SEED", seed.to_string());
    test.env("PROPTEST_CASES", if full { "20000" } else { "256" });
}

fn outcome_of(test: &mut Command) -> Result<Outcome> {
    let (succeeded, text) = run_and_read(test)?;
    let mut outcome = Outcome::of_libtest(&text);
    if !succeeded && outcome.failed == 0 {
        outcome.failed = 1;
    }
    Ok(outcome)
}

fn fuzz(full: bool) -> Result<Outcome> {
    let driver = tools::cargo_fuzz()?;
    let cache = tools::cache()?;
    let seconds = if full { 300 } else { 10 };
    let mut outcome = Outcome::default();
    for target in FUZZ_TARGETS {
        // New inputs go to the cache; the corpus in the repository is reviewed.
        let found = cache.join("fuzz-found").join(target);
        std::fs::create_dir_all(&found).with_context(|| format!("create `{}`", found.display()))?;
        let mut command = Command::new(&driver);
        // Stable Rust has no sanitizers; the decoders are safe code, so what
        // is looked for is panics, hangs and memory.
        command.current_dir(root().join("fuzz")).args(["fuzz", "run", "-s", "none"]);
        command.arg("--target-dir").arg(cache.join("fuzz-target")).arg(target);
        command.arg(&found).arg(format!("corpus/{target}")).arg("--");
        command.arg(format!("-max_total_time={seconds}"));
        command.args(["-rss_limit_mb=1024", "-timeout=5", "-verbosity=0", "-print_final_stats=1"]);
        command.env_remove("CARGO_TARGET_DIR");
        let result = run(&mut command);
        if let Err(error) = &result {
            println!("{target}: {error:#}");
        }
        outcome.add(Outcome::of_stage(result.is_ok()));
    }
    Ok(outcome)
}
