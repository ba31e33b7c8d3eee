//! One test against the station itself, and its rows as soon as they are there.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use trigpoint_lake::{Format, Lake};
use trigpoint_process::{Failure, Phase, Shutdown};
use trigpoint_speedtest::{Settings, Summary, Target};

use crate::query;
use crate::speedtest::{Display, text};

use super::visibility;

/// Tests the station at `address`, and prints the result and the rows; the flows
/// of the test.
pub(super) async fn run(
    address: SocketAddr,
    lake: &Lake,
    shutdown: &Shutdown,
) -> Result<Vec<String>, Failure> {
    tokio::select! {
        tried = attempt(address, lake) => tried,
        () = shutdown.reached(Phase::Flushing) => Ok(Vec::new()),
    }
}

async fn attempt(address: SocketAddr, lake: &Lake) -> Result<Vec<String>, Failure> {
    writeln!(io::stdout(), "A test over loopback\n")?;
    let target = Target::parse(&format!("ws://{address}"), true)?;
    let mut display = Display::on_stderr();
    let result =
        trigpoint_speedtest::run(&Settings::new(target), |progress| display.show(progress)).await;
    display.finish();
    let summary = result?;
    writeln!(io::stdout(), "{}", text(&summary))?;
    let ended = Instant::now();
    let flows = flows(&summary);
    if flows.is_empty() {
        return Err(anyhow::anyhow!("the station did not name the test's flows").into());
    }
    visibility::wait_for_rows(lake, &flows).await?;
    let waited = ended.elapsed().as_secs_f64();
    writeln!(io::stdout(), "Its rows in `speed_tests`, {waited:.1} s after its end\n")?;
    let answer = lake.session().query(&rows(&flows)).await?;
    let format = query::fitted(Format::Table { width: None });
    trigpoint_lake::write(answer, format, &mut io::stdout()).await?;
    writeln!(io::stdout())?;
    visibility::print(lake, &flows).await?;
    Ok(flows.into_iter().map(str::to_owned).collect())
}

fn flows(summary: &Summary) -> Vec<&str> {
    let download = summary.download.as_ref().and_then(|download| download.uuid.as_deref());
    let upload = summary.upload.as_ref().and_then(|upload| upload.uuid.as_deref());
    download.into_iter().chain(upload).collect()
}

/// SQL for the rows of the test's flows: a finished test is visible together with all
/// of its snapshots.
fn rows(flows: &[&str]) -> String {
    format!(
        "SELECT t.direction, round(t.throughput_bits_per_s / 1e6) AS mbit_per_s, t.min_rtt_us, \
         t.congestion_control, count(*) AS snapshots, t.flow_id \
         FROM speed_tests AS t JOIN snapshots AS s ON s.flow_id = t.flow_id \
         WHERE t.flow_id IN ({}) GROUP BY t.direction, t.throughput_bits_per_s, t.min_rtt_us, \
         t.congestion_control, t.flow_id ORDER BY t.direction",
        visibility::texts(flows)
    )
}
