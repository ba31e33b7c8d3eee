//! One test against the station itself, and its rows as soon as they are there.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use trigpoint_lake::{Format, Lake};
use trigpoint_process::{Failure, Phase, Shutdown};
use trigpoint_speedtest::{Settings, Summary, Target};

use crate::query;
use crate::speedtest::{Display, text};

/// Rows are there within 5 s; a loaded machine may need longer.
const ROWS_WITHIN: Duration = Duration::from_mins(1);
/// Between two looks at the tables.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Tests the station at `address`, and prints the result and the rows.
pub(super) async fn run(
    address: SocketAddr,
    lake: &Lake,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    tokio::select! {
        tried = attempt(address, lake) => tried,
        () = shutdown.reached(Phase::Flushing) => Ok(()),
    }
}

async fn attempt(address: SocketAddr, lake: &Lake) -> Result<(), Failure> {
    writeln!(io::stdout(), "A test over loopback\n")?;
    let target = Target::parse(&format!("ws://{address}"), true)?;
    let mut display = Display::on_stderr();
    let result =
        trigpoint_speedtest::run(&Settings::new(target), |progress| display.show(progress)).await;
    display.finish();
    let summary = result?;
    writeln!(io::stdout(), "{}", text(&summary))?;
    let ended = Instant::now();
    let sql = rows(&summary).context("the station did not name the test's flows")?;
    wait_for_rows(lake, &sql, summary_flows(&summary).len()).await?;
    let waited = ended.elapsed().as_secs_f64();
    writeln!(io::stdout(), "Its rows in `speed_tests`, {waited:.1} s after its end\n")?;
    let answer = lake.session().query(&sql).await?;
    let format = query::fitted(Format::Table { width: None });
    trigpoint_lake::write(answer, format, &mut io::stdout()).await?;
    writeln!(io::stdout())?;
    Ok(())
}

/// A finished test is visible together with all of its snapshots.
async fn wait_for_rows(lake: &Lake, sql: &str, wanted: usize) -> anyhow::Result<()> {
    let look = async {
        loop {
            let batches = lake.session().query(sql).await?.collect().await?;
            let mut rows = 0;
            for batch in &batches {
                rows += batch.num_rows();
            }
            if rows >= wanted {
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

fn summary_flows(summary: &Summary) -> Vec<&str> {
    let download = summary.download.as_ref().and_then(|download| download.uuid.as_deref());
    let upload = summary.upload.as_ref().and_then(|upload| upload.uuid.as_deref());
    download.into_iter().chain(upload).collect()
}

/// SQL for the rows of the test's flows, if the server named them.
fn rows(summary: &Summary) -> Option<String> {
    let flows: Vec<String> = summary_flows(summary)
        .into_iter()
        .map(|flow| format!("'{}'", flow.replace('\'', "''")))
        .collect();
    (!flows.is_empty()).then(|| {
        format!(
            "SELECT t.direction, round(t.throughput_bits_per_s / 1e6) AS mbit_per_s, t.min_rtt_us, t.congestion_control, \
             count(*) AS snapshots, t.flow_id \
             FROM speed_tests AS t JOIN snapshots AS s ON s.flow_id = t.flow_id \
             WHERE t.flow_id IN ({}) GROUP BY t.direction, t.throughput_bits_per_s, t.min_rtt_us, t.congestion_control, t.flow_id ORDER BY t.direction",
            flows.join(", ")
        )
    })
}
