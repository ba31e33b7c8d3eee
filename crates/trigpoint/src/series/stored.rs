//! A flow and its snapshots in the tables.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use trigpoint_archive::series::{Flow, Polls, Series, Snapshots, Test};
use trigpoint_lake::{Answer, Format, Lake};
use trigpoint_process::Failure;
use trigpoint_record::FlowId;

use crate::data_directory::DataDirectory;

/// A flow of which there are snapshots.
pub(super) struct Stored<'a> {
    lake: &'a Lake,
    flow: Flow,
    /// SQL that its snapshots fulfil.
    condition: String,
}

/// A flow's name, as it is written.
pub(super) fn parse(flow_id: &str) -> Result<FlowId, Failure> {
    FlowId::parse(flow_id)
        .with_context(|| {
            let forms = "they end in `_` and 16 upper-case hex digits";
            format!("`{flow_id}` is no flow_id: {forms}; --last shows the newest test")
        })
        .map_err(Failure::Usage)
}

/// The flow of the newest test, in one direction or in any.
pub(super) async fn newest(
    lake: &Lake,
    direction: Option<&str>,
    data: &DataDirectory,
) -> Result<FlowId, Failure> {
    let wanted = direction.map(|direction| format!("WHERE direction = '{direction}' "));
    let wanted = wanted.unwrap_or_default();
    let sql = format!("SELECT flow_id FROM speed_tests {wanted}ORDER BY start_time DESC LIMIT 1");
    let row = first(lake, &sql).await?;
    let flow_id = row["flow_id"].as_str().and_then(FlowId::parse);
    flow_id.ok_or_else(|| {
        let what = direction.unwrap_or("test");
        let place = data.missing().map(|path| format!(": `{}` does not exist", path.display()));
        anyhow!("no {what} is stored yet{}", place.unwrap_or_default()).into()
    })
}

impl<'a> Stored<'a> {
    /// Looks for the flow in every table.
    pub(super) async fn find(
        lake: &'a Lake,
        flow_id: &FlowId,
        data: &DataDirectory,
    ) -> Result<Self, Failure> {
        let is_it = format!("flow_id = '{}'", flow_id.as_str().replace('\'', "''"));
        let row = async |columns: &str, table: &str, condition: &str| {
            first(lake, &format!("SELECT {columns} FROM {table} WHERE {condition} LIMIT 1")).await
        };
        let test = "date, direction, throughput_bits_per_s, client_ip, client_port";
        let ended = "date, remote_ip, remote_port, polls_done, polls_unchanged, polls_missed";
        let (test, ended) =
            tokio::try_join!(row(test, "speed_tests", &is_it), row(ended, "flows", &is_it))?;
        // Where the day is known, the files of other days need not be asked.
        let date = test["date"].as_str().or(ended["date"].as_str());
        let condition = match date {
            Some(date) => format!("date = '{date}' AND {is_it}"),
            None => is_it,
        };
        let seen = "site, machine, congestion_algorithm, opened_time";
        let seen = row(seen, "snapshots", &format!("{condition} ORDER BY n DESC")).await?;
        if seen.is_null() {
            return Err(missing(flow_id.as_str(), date.is_some(), data));
        }
        Ok(Self { lake, flow: flow(flow_id, &seen, &test, &ended), condition })
    }

    /// What a picture shows, a row for each snapshot.
    pub(super) async fn rows(&self) -> Result<Answer, Failure> {
        self.ask(&format!("n, {}", Snapshots::COLUMNS.join(", "))).await
    }

    /// The same for drawing it.
    pub(super) async fn series(self) -> Result<Series, Failure> {
        let columns = self.ask(&Snapshots::COLUMNS.join(", ")).await?.integers().await?;
        Ok(Series { flow: self.flow, snapshots: Snapshots::from_columns(columns) })
    }

    async fn ask(&self, columns: &str) -> Result<Answer, Failure> {
        let condition = &self.condition;
        let sql = format!("SELECT {columns} FROM snapshots WHERE {condition} ORDER BY n");
        Ok(self.lake.session().query(&sql).await?)
    }
}

/// From the rows of `snapshots`, `speed_tests` and `flows`; the latter may be
/// NULL.
fn flow(flow_id: &FlowId, seen: &Value, test: &Value, ended: &Value) -> Flow {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let count = |name: &str| ended[name].as_i64();
    let polls = || {
        let (done, unchanged) = (count("polls_done")?, count("polls_unchanged")?);
        Some(Polls { done, unchanged, missed: count("polls_missed")? })
    };
    Flow {
        flow_id: flow_id.as_str().to_owned(),
        peer: peer(&ended["remote_ip"], &ended["remote_port"])
            .or_else(|| peer(&test["client_ip"], &test["client_port"])),
        site: text(&seen["site"]),
        machine: text(&seen["machine"]),
        congestion_algorithm: text(&seen["congestion_algorithm"]),
        opened_time: text(&seen["opened_time"]),
        test: text(&test["direction"]).map(|direction| Test {
            direction,
            throughput_bits_per_s: test["throughput_bits_per_s"].as_f64(),
        }),
        polls: polls(),
    }
}

/// Old addresses are cut to a network, which has no port.
fn peer(ip: &Value, port: &Value) -> Option<String> {
    let ip = ip.as_str()?;
    let address = ip.parse::<IpAddr>().ok().zip(u16::try_from(port.as_u64()?).ok());
    Some(address.map_or_else(|| ip.to_owned(), |(ip, port)| SocketAddr::new(ip, port).to_string()))
}

/// The first row, or NULL.
async fn first(lake: &Lake, sql: &str) -> Result<Value, Failure> {
    let answer = lake.session().query(sql).await?;
    let mut row = Vec::new();
    trigpoint_lake::write(answer, Format::JsonLines, &mut row).await?;
    Ok(if row.is_empty() { Value::Null } else { serde_json::from_slice(&row)? })
}

fn missing(flow_id: &str, is_known: bool, data: &DataDirectory) -> Failure {
    let flag = data.flag();
    if is_known {
        return anyhow!(
            "`{flow_id}` has no snapshots: it was gone before the first poll, or they were removed"
        )
        .into();
    }
    anyhow!(
        "no snapshots of `{flow_id}` are stored; `trigpoint series{flag} --last` shows the newest \
         test, `trigpoint query{flag} \"SELECT flow_id, direction, start_time FROM speed_tests \
         ORDER BY start_time DESC LIMIT 10\"` lists them"
    )
    .into()
}
