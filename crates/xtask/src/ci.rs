//! Everything that a change has to pass, in one order everywhere.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run, run_and_read};
use crate::outcome::Outcome;
use crate::{check_layers, codegen, prove, same_graph, suites, tools};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Output of a `cargo test --workspace` that has just run: counted, not repeated
    #[arg(long, value_name = "FILE")]
    tested: Option<PathBuf>,
    /// Only the stages whose name contains this word
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
}

type Stage = (&'static str, fn(&Options) -> Result<Outcome>);

const STAGES: &[Stage] = &[
    ("formatting", |_| checked(run(&mut cargo(&["fmt", "--all", "--check"])))),
    ("clippy", |_| checked(clippy())),
    ("layers, bans and licences", |_| checked(check_layers::run())),
    ("one build graph", |_| checked(same_graph::run())),
    ("generated code", |_| checked(codegen::run_check())),
    ("unit and black-box tests", |options| tests(options.tested.as_ref())),
    ("truth of the data, short", |_| prove::short("truth")),
    ("freshness, short", |_| prove::short("fresh")),
    ("the network lab itself", |_| prove::short("lab")),
    ("probes on real kernels", |_| prove::short("prober")),
    ("traces of clients on real kernels", |_| prove::short("traceroute")),
    ("slow links, short", |_| prove::short("slow-links")),
    ("hostile clients, short", |_| prove::short("hostile")),
    ("disks of stations, short", |_| prove::short("spool")),
    ("object stores", |_| prove::short("stores")),
    ("nothing lost, nothing twice, short", |_| prove::short("durable")),
    ("readers beside ingest and care, short", |_| prove::short("soak")),
    ("real clients", |_| prove::short("clients")),
    ("other engines on the tables", |_| prove::short("engines")),
    ("free databases of addresses", |_| prove::short("annotation")),
    ("published queries, short", |_| prove::short("research")),
    ("SQL over the network, short", |_| prove::short("flight-sql")),
    ("gates of a rollout, short", |_| prove::short("gates")),
    ("charts", |_| prove::short("charts")),
    ("the image in containers", |_| prove::short("image")),
    ("the operator and a real API server", |_| prove::short("operator")),
    ("a real cluster, short", |_| prove::short("kubernetes")),
    ("fuzzing, short", |_| prove::short("fuzz")),
];

/// Runs every stage to its end, then says which failed.
pub(crate) fn run_all(options: &Options) -> Result<()> {
    let mut total = Outcome::default();
    let mut failed = Vec::new();
    let mut times = Vec::new();
    for (name, stage) in STAGES {
        if options.only.as_ref().is_some_and(|word| !name.contains(word.as_str())) {
            continue;
        }
        println!("\n==> {name}");
        let started = Instant::now();
        let outcome = stage(options).unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            Outcome::of_stage(false)
        });
        total.add(outcome);
        if outcome.failed > 0 {
            failed.push(*name);
        }
        times.push((*name, started.elapsed().as_secs()));
        println!("<== {name}: {} s", started.elapsed().as_secs());
    }
    println!();
    for (name, seconds) in times {
        let verdict = if failed.contains(&name) { "FAILED" } else { "ok" };
        println!("{seconds:>6} s  {name}: {verdict}");
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn checked(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::of_stage(true))
}

fn clippy() -> Result<()> {
    let deny = ["--", "-D", "warnings"];
    let common = ["clippy", "--workspace", "--locked", "--quiet"];
    run(cargo(&common).arg("--all-targets").args(deny))?;
    let mut left_out = cargo(&common);
    for suite in suites::left_out()? {
        left_out.arg("--test").arg(suite);
    }
    run(left_out.args(deny))
}

fn tests(tested: Option<&PathBuf>) -> Result<Outcome> {
    if let Some(path) = tested {
        let text =
            fs::read_to_string(path).with_context(|| format!("read `{}`", path.display()))?;
        let outcome = Outcome::of_libtest(&text);
        println!("ran before: {} passed, {} failed", outcome.passed, outcome.failed);
        return Ok(outcome);
    }
    tools::build_executables("dev")?;
    let (succeeded, text) = run_and_read(&mut cargo(&["test", "--workspace", "--locked"]))?;
    let mut outcome = Outcome::of_libtest(&text);
    if !succeeded && outcome.failed == 0 {
        outcome.failed = 1;
    }
    Ok(outcome)
}
