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
#[path = "research/twins.rs"]
mod twins;
#[path = "research/views.rs"]
mod views;
#[path = "research/world.rs"]
mod world;

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use arrow::datatypes::{DataType, Fields};
use serde::Deserialize;
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

/// What an engine answers.
#[derive(Deserialize)]
struct Found {
    /// The names of its columns and of their fields, `id,a{UUID,MinRTT}`.
    shape: String,
    rows: Vec<Vec<Value>>,
}

#[test]
fn published_queries_and_views_are_answered_right_by_this_engine_and_by_spark() {
    let world = World::of(if is_full() { 200_000 } else { 20_000 });
    let directory = Directory::new();
    let path = directory.join("lake");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lake = Lake::open(&path.to_string_lossy()).unwrap();
    runtime.block_on(rows::write(&lake, &world));

    let ours = |sql: &str| runtime.block_on(answer(&lake, sql));
    let started = Instant::now();
    let asked = questions(&world, "");
    let found: Vec<_> = asked.iter().map(|it| ours(&it.sql)).collect();
    println!("DataFusion: {:.1} s", started.elapsed().as_secs_f64());
    let mut faults = judge("DataFusion", &asked, &found);

    let started = Instant::now();
    let (theirs, twins) = (questions(&world, "spark"), twins::questions(&world));
    let sql = theirs.iter().map(|it| &it.sql).chain(twins.iter().map(|(_, sql)| sql));
    let sql = sql.map(String::as_str);
    let mut of_spark = spark::answers(&directory, &path, is_full(), sql);
    println!("Spark: {:.1} s", started.elapsed().as_secs_f64());
    let twins_of_spark = of_spark.split_off(theirs.len());
    faults.extend(judge("Spark", &theirs, &of_spark));

    for ((view, sql), theirs) in twins.iter().zip(&twins_of_spark) {
        faults.extend(twins::fault(view, &ours(sql), theirs));
    }
    println!("{} tests, {} questions, {} twins", world.tests.len(), asked.len(), twins.len());
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

async fn answer(lake: &Lake, sql: &str) -> Result<Found, String> {
    let answer = lake.session().query(sql).await.map_err(|error| error.to_string())?;
    let schema = answer.schema();
    let mut json = Vec::new();
    trigpoint_lake::write(answer, Format::Json, &mut json).await.map_err(|it| it.to_string())?;
    let rows: Vec<Value> = serde_json::from_slice(&json).unwrap();
    let fields = schema.fields();
    let cells = |row: &Value| fields.iter().map(|field| row[field.name()].clone()).collect();
    Ok(Found { shape: shape(fields), rows: rows.iter().map(cells).collect() })
}

fn shape(fields: &Fields) -> String {
    let names = fields.iter().map(|field| {
        let mut kind = field.data_type();
        while let DataType::List(item) = kind {
            kind = item.data_type();
        }
        match kind {
            DataType::Struct(inside) => format!("{}{{{}}}", field.name(), shape(inside)),
            _ => field.name().clone(),
        }
    });
    names.collect::<Vec<_>>().join(",")
}

fn judge(engine: &str, asked: &[Question], found: &[Result<Found, String>]) -> Vec<String> {
    let fault = |(question, found): (&Question, &Result<Found, String>)| {
        let fault = match found {
            Ok(found) => question.answer.fault(&found.rows)?,
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
