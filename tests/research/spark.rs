//! One session of Spark for all questions.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use serde_json::{Value, json};
use trigpoint_testkit::{Directory, run};

use crate::{Found, queries};

/// Its start takes 45 s on an idle machine, its sixty queries up to six minutes.
const DEADLINE: Duration = Duration::from_mins(20);

/// The rows of each query, or why it was refused; it `compiles` its plans, as Spark
/// does by itself, or interprets them.
pub(crate) fn answers<'a>(
    directory: &Directory,
    lake: &Path,
    compiles: bool,
    asked: impl Iterator<Item = &'a str>,
) -> Vec<Result<Found, String>> {
    let file = directory.join("asked.json");
    let asked: Vec<_> = asked.collect();
    let views = queries().join("spark/views.sql");
    let asked_for = json!({ "lake": lake, "views": views, "queries": asked, "compiles": compiles });
    fs::write(&file, asked_for.to_string()).unwrap();
    let script = queries().join("../tests/research/ask_spark.py");
    let mut command = Command::new(needed("ENGINES_PYTHON"));
    command.arg(script).arg(file).env("SPARK_JARS", needed("SPARK_JARS")).env("TZ", "UTC");
    // Where it keeps its own catalog.
    command.current_dir(directory.path());
    let finished = run(&mut command, DEADLINE);
    finished.expect_code(0);
    let line = finished.stdout.lines().next_back().unwrap_or_default();
    let answers: Vec<Value> = serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("{error} in what Spark printed: {line}"));
    assert_eq!(answers.len(), asked.len());
    answers.into_iter().map(found).collect()
}

fn found(answer: Value) -> Result<Found, String> {
    match answer {
        Value::String(refused) => Err(refused),
        found => Ok(serde_json::from_value(found).unwrap()),
    }
}

/// What `xtask` installs.
pub(crate) fn needed(variable: &str) -> OsString {
    let value = env::var_os(variable);
    value.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask prove research`"))
}
