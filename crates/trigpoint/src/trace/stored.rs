//! A trace that a station stored.

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use trigpoint_lake::Format;
use trigpoint_process::{Failure, VERSION};
use trigpoint_record::FlowId;
use trigpoint_record::tables::traces::Findings;
use trigpoint_traceroute::export;

use crate::data_directory::DataDirectory;

/// A row of table `traces`.
pub(super) struct Stored {
    pub(super) findings: Findings,
    flow_id: String,
    cached_flow_id: Option<String>,
}

/// The row of a connection.
pub(super) async fn find(flow_id: &str, data: &DataDirectory) -> Result<Stored, Failure> {
    let flow_id = FlowId::parse(flow_id)
        .with_context(|| format!("`{flow_id}` is no flow_id: they end in `_` and 16 hex digits"))
        .map_err(Failure::usage)?;
    data.check_readable()?;
    let name = flow_id.as_str().replace('\'', "''");
    let sql = format!("SELECT * FROM traces WHERE flow_id = '{name}' LIMIT 1");
    let answer = data.lake()?.session().query(&sql).await?;
    let mut rows = Vec::new();
    trigpoint_lake::write(answer, Format::JsonLines, &mut rows).await?;
    if rows.is_empty() {
        let reason = "ask `trigpoint query 'SELECT flow_id FROM traces'` for those that there are";
        return Err(anyhow!("no trace for `{}` is stored; {reason}", flow_id.as_str()).into());
    }
    let row: Value = serde_json::from_slice(&rows)?;
    Ok(Stored {
        findings: export::read(&row)?,
        flow_id: flow_id.as_str().to_owned(),
        cached_flow_id: row["cached_flow_id"].as_str().map(str::to_owned),
    })
}

impl Stored {
    /// The first line of M-Lab's files.
    pub(super) fn metadata(&self) -> String {
        trigpoint_mlab::scamper_metadata(&self.flow_id, self.cached_flow_id.as_deref(), VERSION)
    }
}
