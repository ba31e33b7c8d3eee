//! Bloom filters: a query for one flow skips every row group whose filter
//! denies it, so a filter that denies a flow of its own hides rows.

use std::collections::VecDeque;

use arrow::array::{AsArray as _, RecordBatch};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::bloom_filter::Sbbf;

use super::object::{self, Object};

const COLUMN: &str = "flow_id";

/// The filters of a file's row groups, in the order in which its rows come.
#[derive(Default)]
pub(super) struct Filters {
    /// Rows that are still to come of each row group, and its filter.
    groups: VecDeque<(usize, Option<Sbbf>)>,
    last: String,
    denied: Option<String>,
}

impl Filters {
    pub(super) async fn read(
        builder: &mut ParquetRecordBatchStreamBuilder<Object>,
    ) -> Result<Self, String> {
        let columns = builder.parquet_schema().columns();
        let is_flow = |path: &[String]| path == [COLUMN.to_owned()];
        let Some(column) = columns.iter().position(|column| is_flow(column.path().parts())) else {
            return Ok(Self::default());
        };
        let mut groups = VecDeque::new();
        for group in 0..builder.metadata().num_row_groups() {
            let rows = builder.metadata().row_group(group).num_rows() as usize;
            let filter = builder.get_row_group_column_bloom_filter(group, column).await;
            groups.push_back((rows, filter.map_err(object::words)?));
        }
        Ok(Self { groups, ..Self::default() })
    }

    pub(super) fn take(&mut self, rows: &RecordBatch) {
        let Some(flows) = rows.column_by_name(COLUMN).and_then(|c| c.as_string_opt::<i32>()) else {
            return;
        };
        for flow in flows {
            while self.groups.front().is_some_and(|(left, _)| *left == 0) {
                self.groups.pop_front();
                self.last.clear();
            }
            let Some((left, filter)) = self.groups.front_mut() else { return };
            *left -= 1;
            let (Some(flow), Some(filter)) = (flow, filter) else { continue };
            if flow == self.last {
                continue;
            }
            flow.clone_into(&mut self.last);
            if self.denied.is_none() && !filter.check(flow) {
                self.denied = Some(flow.to_owned());
            }
        }
    }

    /// The first flow that is in the file, and that its filter denies.
    pub(super) fn denied(self) -> Option<String> {
        self.denied
    }
}
