//! M-Lab's published queries and views on rows whose answers are known, by this engine
//! and by Spark.
//!
//! Needs Spark: `cargo xtask prove research`.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "research/answers.rs"]
mod answers;
#[path = "research/cell.rs"]
mod cell;
#[path = "research/notebook.rs"]
mod notebook;
#[path = "research/rows.rs"]
mod rows;
#[path = "research/spark.rs"]
mod spark;
#[path = "research/views.rs"]
mod views;
#[path = "research/world.rs"]
mod world;

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use serde_json::Value;
use trigpoint_lake::{Format, Lake};
use trigpoint_testkit::Directory;

use answers::{ANSWERS, NOW};
use cell::Answer;
use world::World;

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");

/// What an engine is asked.
struct Question {
    name: String,
    sql: String,
    answer: Answer,
}

/// The rows of an answer.
type Rows = Vec<Vec<Value>>;

#[test]
fn published_queries_and_views_are_answered_right_by_this_engine_and_by_spark() {
    let world = World::of(if is_full() { 200_000 } else { 20_000 });
    let directory = Directory::new();
    let path = directory.join("lake");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lake = Lake::open(&path.to_string_lossy()).unwrap();
    runtime.block_on(rows::write(&lake, &world));

    let started = Instant::now();
    let asked = questions(&world, "");
    let found: Vec<_> = asked.iter().map(|it| runtime.block_on(answer(&lake, &it.sql))).collect();
    println!("DataFusion: {:.1} s", started.elapsed().as_secs_f64());
    let mut faults = judge("DataFusion", &asked, &found);

    let started = Instant::now();
    let asked = questions(&world, "spark");
    let found = spark::answers(&directory, &path, asked.iter().map(|it| it.sql.as_str()));
    println!("Spark: {:.1} s", started.elapsed().as_secs_f64());
    faults.extend(judge("Spark", &asked, &found));
    println!("{} tests, {} questions", world.tests.len(), asked.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn is_full() -> bool {
    env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}

/// The published queries of a folder in `queries/`, and the figures of the views.
fn questions(world: &World, folder: &str) -> Vec<Question> {
    let published = ANSWERS.iter().map(|(name, answer)| {
        let path = queries().join(folder).join(format!("{name}.sql"));
        let sql =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let today = format!("DATE '{NOW}'");
        let sql = sql.replace("CURRENT_DATE()", &today).replace("CURRENT_DATE", &today);
        Question { name: (*name).to_owned(), sql, answer: answer(world) }
    });
    published.chain(views::figures(world)).collect()
}

fn queries() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries")
}

async fn answer(lake: &Lake, sql: &str) -> Result<Rows, String> {
    let answer = lake.session().query(sql).await.map_err(|error| error.to_string())?;
    let names: Vec<_> = answer.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut json = Vec::new();
    trigpoint_lake::write(answer, Format::Json, &mut json).await.map_err(|it| it.to_string())?;
    let rows: Vec<Value> = serde_json::from_slice(&json).unwrap();
    Ok(rows.iter().map(|row| names.iter().map(|name| row[name].clone()).collect()).collect())
}

fn judge(engine: &str, asked: &[Question], found: &[Result<Rows, String>]) -> Vec<String> {
    let fault = |(question, found): (&Question, &Result<Rows, String>)| {
        let fault = match found {
            Ok(rows) => question.answer.fault(rows)?,
            Err(refused) => refused.clone(),
        };
        Some(format!("{engine}, {}: {fault}", question.name))
    };
    let faults: Vec<_> = asked.iter().zip(found).filter_map(fault).collect();
    for fault in &faults {
        println!("{fault}");
    }
    faults
}
