//! Looks for addresses in every object below a directory: in its bytes, and in
//! every decoded value of every column of a Parquet file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::IpAddr;
use std::path::Path;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Where an address was found: paths from the root, with a column where it was
/// in a decoded value.
#[derive(Debug, Default)]
pub(super) struct Scan {
    found: BTreeSet<String>,
}

impl Scan {
    /// Every place below `root` with one of the addresses as text, as 4 or as
    /// 16 bytes.
    pub(super) fn of(root: &Path, addresses: &[IpAddr]) -> Self {
        let mut scan = Self::default();
        let wanted: Vec<Vec<u8>> = addresses.iter().flat_map(forms).collect();
        scan.directory(root, root, &wanted);
        scan
    }

    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// Whether one of the places has this in its name.
    pub(super) fn names(&self, part: &str) -> bool {
        self.found.iter().any(|place| place.contains(part))
    }

    fn directory(&mut self, root: &Path, directory: &Path, wanted: &[Vec<u8>]) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.directory(root, &path, wanted);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if holds(&fs::read(&path).unwrap(), wanted) || holds(name.as_bytes(), wanted) {
                self.found.insert(name.clone());
            }
            if name.contains(".parquet") {
                self.columns(&path, &name, wanted);
            }
        }
    }

    fn columns(&mut self, path: &Path, name: &str, wanted: &[Vec<u8>]) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            for (field, values) in batch.schema().fields().iter().zip(batch.columns()) {
                if array_holds(values, wanted) {
                    self.found.insert(format!("{name}: {}", field.name()));
                }
            }
        }
    }
}

/// How an address can be written.
fn forms(address: &IpAddr) -> Vec<Vec<u8>> {
    let text = address.to_string().into_bytes();
    match address {
        IpAddr::V4(v4) => {
            let mapped = v4.to_ipv6_mapped();
            let backwards: Vec<u8> = v4.octets().into_iter().rev().collect();
            vec![text, v4.octets().to_vec(), backwards, mapped.octets().to_vec()]
        }
        IpAddr::V6(v6) => {
            let groups = v6.segments().map(|group| format!("{group:04x}")).join(":");
            vec![text, v6.octets().to_vec(), groups.into_bytes()]
        }
    }
}

fn holds(bytes: &[u8], wanted: &[Vec<u8>]) -> bool {
    wanted.iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
}

fn array_holds(values: &ArrayRef, wanted: &[Vec<u8>]) -> bool {
    match values.data_type() {
        DataType::Utf8 => {
            values.as_string::<i32>().iter().flatten().any(|text| holds(text.as_bytes(), wanted))
        }
        DataType::Binary => {
            values.as_binary::<i32>().iter().flatten().any(|bytes| holds(bytes, wanted))
        }
        DataType::List(_) => array_holds(values.as_list::<i32>().values(), wanted),
        DataType::Map(..) => {
            values.as_map().entries().columns().iter().any(|values| array_holds(values, wanted))
        }
        DataType::Struct(_) => {
            values.as_struct().columns().iter().any(|values| array_holds(values, wanted))
        }
        // Numbers in the bytes in which they are kept.
        _ => values.to_data().buffers().iter().any(|buffer| holds(buffer.as_slice(), wanted)),
    }
}
