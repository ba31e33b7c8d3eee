//! Tables that forget soon.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use trigpoint_lake::Lake;

/// Makes every table, and sets both of its retentions as any Delta tool does
/// (`ALTER TABLE … SET TBLPROPERTIES`): by a commit with new metadata.
pub(crate) async fn make_tables(lake: &Path, retention: Duration) {
    let tables = Lake::open(lake.to_str().unwrap()).unwrap();
    for table in tables.tables() {
        tables.append(table, Vec::new()).await.unwrap();
        set(&lake.join(table.name).join("_delta_log"), retention);
    }
}

fn set(log: &Path, retention: Duration) {
    let made = fs::read_to_string(log.join("00000000000000000000.json")).unwrap();
    let mut actions = made.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut metadata = actions.find(|action| action.get("metaData").is_some()).unwrap();
    let interval = format!("interval {} seconds", retention.as_secs());
    for property in ["delta.deletedFileRetentionDuration", "delta.logRetentionDuration"] {
        let before = &mut metadata["metaData"]["configuration"][property];
        assert!(before.is_string(), "{property} is no property of the table");
        *before = json!(interval);
    }
    fs::write(log.join("00000000000000000001.json"), format!("{metadata}\n")).unwrap();
}
