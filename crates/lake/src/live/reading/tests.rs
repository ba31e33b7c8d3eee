use std::sync::Arc;

use arrow::datatypes::Schema;
use deltalake::kernel::Remove;
use object_store::path::Path;

use super::super::Key;
use super::*;

const HUNDRED: Reading = Reading { columns: 100 };
const READER: u64 = 100 * READER_OF_A_COLUMN;

fn file(rows: impl Into<Option<u64>>, bytes: u64) -> LiveFile {
    LiveFile {
        path: Path::from("file"),
        date: "2026-11-24".to_owned(),
        bytes,
        rows: rows.into(),
        modified_ms: 0,
        low: Key::Null,
        high: Key::Unbounded,
        remove: Remove::default(),
        statistics: None,
    }
}

#[test]
fn a_file_is_read_whole_when_its_rows_take_less_than_its_reader() {
    let tests = file(500, 120_000);
    assert_eq!(HUNDRED.whole(&tests), Some(500));
    assert_eq!(HUNDRED.bytes(&tests), 500 * 800 + 8 * 60_000);
    assert_eq!(HUNDRED.whole(&file(20_000, 120_000)), None, "many rows");
    assert_eq!(HUNDRED.whole(&file(500, 2_000_000)), None, "long rows");
    assert_eq!(HUNDRED.whole(&file(None, 120_000)), None, "it does not say");
}

#[test]
fn of_a_file_that_is_merged_page_by_page_a_row_group_counts_and_its_reader() {
    assert_eq!(HUNDRED.bytes(&file(50_000, 4 << 20)), READER + (1 << 20) + 3 * (4 << 20));
    assert_eq!(HUNDRED.bytes(&file(5_000_000, 1 << 30)), READER + (1 << 20) + 3 * (8 << 20));
}

#[test]
fn batches_are_of_many_narrow_or_few_wide_rows() {
    let rows = |files: &[LiveFile]| HUNDRED.batch_rows(files.iter());
    assert_eq!(rows(&[file(10_000, 60_000)]), (1 << 20) / 800);
    assert_eq!(rows(&[file(100, 10_000_000)]), 16);
    assert_eq!(Reading { columns: 1 }.batch_rows([file(10_000, 600)].iter()), 4096);
    assert_eq!(rows(&[file(None, 10_000_000)]), 4096);
}

#[test]
fn every_leaf_is_a_column() {
    let item = Field::new("item", DataType::Int64, true);
    let list = Field::new("list", DataType::List(Arc::new(item.clone())), true);
    let pair = Field::new("pair", DataType::Struct(vec![list.clone(), item.clone()].into()), true);
    let schema = Arc::new(Schema::new(vec![item, list, pair]));
    assert_eq!(Reading::of(&schema).columns, 4);
}
