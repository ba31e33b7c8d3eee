//! Says which filter keeps a test out of the unified views.
//!
//! Whoever sets up a station tests it from the own network first, and M-Lab's views
//! leave out private addresses: without a word the test would seem to be lost.

use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixStream;
use tracing::debug;
use trigpoint_lake::{Format, Lake};
use trigpoint_mlab::{EventKind, FlowEvent};

/// Rows are there within 5 s; a loaded machine may need longer.
const ROWS_WITHIN: Duration = Duration::from_mins(1);
/// Between two looks at the tables.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What keeps a test out, by the name of its filter, and that in words.
const REASONS: [(&str, &str, &str); 9] = [
    ("IsComplete", "NOT filter.IsComplete", "it was never measured"),
    ("IsProduction", "NOT filter.IsProduction", "its station tries a new version"),
    ("IsError", "filter.IsError", "its station failed or was stopped"),
    ("IsOAM", "filter.IsOAM", "it was made to watch the station"),
    ("_IsRFC1918", "filter._IsRFC1918", "its client has a private address"),
    ("IsPlatformAnomaly", "filter.IsPlatformAnomaly", "its station was disturbed"),
    ("IsSmall", "filter.IsSmall", "it transferred less than 8 KiB"),
    ("IsShort", "filter.IsShort AND NOT filter.IsEarlyExit", "it took less than 9 s"),
    ("IsLong", "filter.IsLong", "it took more than 60 s"),
];

/// A test that a unified view leaves out.
#[derive(Deserialize)]
struct Hidden {
    /// The name of that view.
    unified: String,
    address: String,
    reasons: String,
}

/// Prints one line if tests are left out, once the rows of all of them are there.
pub(super) async fn print(lake: &Lake, flows: &[&str]) -> anyhow::Result<()> {
    wait_for_rows(lake, flows).await?;
    let answer = lake.session().query(&question(flows)).await?;
    let mut json = Vec::new();
    trigpoint_lake::write(answer, Format::Json, &mut json).await?;
    let hidden: Vec<Hidden> = serde_json::from_slice(&json).context("read an answer in JSON")?;
    if let Some(line) = line(&hidden) {
        writeln!(io::stdout(), "{line}\n")?;
    }
    Ok(())
}

/// Does so for the first test that the events tell of, but for those of the trial.
pub(super) async fn print_first(lake: Lake, events: UnixStream, trial: Vec<String>) {
    let mut lines = BufReader::new(events).lines();
    // It ends with the station.
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(event) = FlowEvent::parse(&line) else { continue };
        let flow = event.flow_id.to_string();
        if event.kind == EventKind::Close && event.test_id.is_some() && !trial.contains(&flow) {
            if let Err(error) = print(&lake, &[&flow]).await {
                debug!(%flow, %error, "cannot say whether a filter hides the first test");
            }
            return;
        }
    }
}

/// Until each flow has its row in `speed_tests`.
pub(super) async fn wait_for_rows(lake: &Lake, flows: &[&str]) -> anyhow::Result<()> {
    let sql = format!("SELECT flow_id FROM speed_tests WHERE flow_id IN ({})", texts(flows));
    let look = async {
        loop {
            let mut rows = 0;
            for batch in lake.session().query(&sql).await?.collect().await? {
                rows += batch.num_rows();
            }
            if rows >= flows.len() {
                return anyhow::Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    match tokio::time::timeout(ROWS_WITHIN, look).await {
        Ok(found) => found,
        Err(_) => bail!("the test's rows were not there within {} s", ROWS_WITHIN.as_secs()),
    }
}

/// Flows as a list of SQL.
pub(super) fn texts(flows: &[&str]) -> String {
    let text = |flow: &&str| format!("'{}'", flow.replace('\'', "''"));
    flows.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn question(flows: &[&str]) -> String {
    let flows = texts(flows);
    let reasons = REASONS.map(|(filter, condition, words)| {
        format!("CASE WHEN {condition} THEN '`filter.{filter}`, {words}' END")
    });
    let reasons = reasons.join(", ");
    let of = |direction: &str| {
        format!(
            "SELECT 'ndt.unified_{direction}s' AS unified, client.IP AS address, \
             concat_ws('; ', {reasons}) AS reasons \
             FROM ndt_intermediate.extended_ndt7_{direction}s WHERE id IN ({flows})"
        )
    };
    format!(
        "SELECT * FROM ({} UNION ALL {}) WHERE reasons <> '' ORDER BY unified",
        of("download"),
        of("upload")
    )
}

/// All in one line, since tests of one client are hidden for one reason.
fn line(hidden: &[Hidden]) -> Option<String> {
    let first = hidden.first()?;
    let views: Vec<_> = hidden.iter().map(|hidden| format!("`{}`", hidden.unified)).collect();
    let views = views.join(" and ");
    Some(format!("The test of {} is not in {views}, because of {}", first.address, first.reasons))
}
