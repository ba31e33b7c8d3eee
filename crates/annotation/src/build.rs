//! A network database from CSV, as the npm package `@ip-location-db/asn` has
//! it: first address, last address, number of the autonomous system, its name.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use maxminddb::Reader;
use mmdb_writer::{Value, Writer};

use crate::database::{Fault, Kind, check};

/// How a database that was built here names itself.
pub const DATABASE_TYPE: &str = "Trigpoint-ASN";

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// Lines that were read.
    pub lines: u64,
    /// Networks that they make.
    pub networks: u64,
    /// Networks that were left out: in them the format repeats IPv4 (Teredo's
    /// 2001::/32, 2002::/16, ::ffff:0:0/96).
    pub left_out: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// A database cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The CSV cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The CSV.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is none of this CSV.
    #[error("`{}`, line {line}: {reason}", path.display())]
    Line {
        /// The CSV.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// There is no line.
    #[error("`{}` has no lines", path.display())]
    Empty {
        /// The CSV.
        path: PathBuf,
    },
    /// The networks do not fit into the format.
    #[error("cannot make a database of the lines: {0}")]
    Encode(String),
    /// The file cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The database.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Builds the database `output` from all `inputs`; of networks that overlap the
/// later line counts.
///
/// The file is there as a whole or not at all, and one that was there before is
/// replaced at the end.  It has the keys of GeoLite2-ASN.
pub fn build(inputs: &[PathBuf], output: &Path) -> Result<Built, BuildError> {
    let names: Vec<_> = inputs.iter().filter_map(|path| path.file_name()).collect();
    let names: Vec<_> = names.into_iter().map(|name| name.to_string_lossy()).collect();
    let description = format!("Autonomous systems from {}", names.join(", "));
    let mut writer =
        Writer::builder(DATABASE_TYPE).description(&[("en", description.as_str())]).build();
    let mut built = Built { lines: 0, networks: 0, left_out: 0, bytes: 0 };
    for path in inputs {
        add(&mut writer, path, &mut built)?;
    }
    let encode = |reason: &dyn ToString| BuildError::Encode(reason.to_string());
    let bytes = writer.to_bytes().map_err(|error| encode(&error))?;
    built.bytes = bytes.len() as u64;
    // What a collector would refuse is not left behind.
    let reader = Reader::from_source(bytes.as_slice()).map_err(|error| encode(&error))?;
    check(Kind::Network, &reader).map_err(|fault| match fault {
        Fault::Damaged(error) => encode(&error),
        Fault::Layout { .. } => encode(&"no line makes a network"),
    })?;
    write(output, &bytes)
        .map_err(|source| BuildError::Write { path: output.to_owned(), source })?;
    Ok(built)
}

fn add(writer: &mut Writer, path: &Path, built: &mut Built) -> Result<(), BuildError> {
    let file =
        File::open(path).map_err(|source| BuildError::Read { path: path.to_owned(), source })?;
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let (mut row, before) = (StringRecord::new(), built.lines);
    while rows.read_record(&mut row).map_err(|error| unread(path, error))? {
        let line = row.position().map_or(0, csv::Position::line);
        let wrong = |reason| BuildError::Line { path: path.to_owned(), line, reason };
        let range = Range::parse(&row).map_err(wrong)?;
        built.lines += 1;
        for network in range.networks {
            match writer.insert_value(network, range.value.clone()) {
                Ok(()) => built.networks += 1,
                Err(mmdb_writer::Error::AliasedNetwork(_)) => built.left_out += 1,
                Err(error) => return Err(wrong(error.to_string())),
            }
        }
    }
    if built.lines == before {
        return Err(BuildError::Empty { path: path.to_owned() });
    }
    Ok(())
}

fn unread(path: &Path, error: csv::Error) -> BuildError {
    let path = path.to_owned();
    let line = error.position().map(csv::Position::line);
    match (error.into_kind(), line) {
        (csv::ErrorKind::Io(source), _) => BuildError::Read { path, source },
        (csv::ErrorKind::Utf8 { err, .. }, Some(line)) => {
            BuildError::Line { path, line, reason: err.to_string() }
        }
        (kind, line) => {
            BuildError::Line { path, line: line.unwrap_or_default(), reason: format!("{kind:?}") }
        }
    }
}

struct Range {
    networks: Vec<IpNet>,
    value: Value,
}

impl Range {
    fn parse(row: &StringRecord) -> Result<Self, String> {
        let fields: Vec<_> = row.iter().map(str::trim).collect();
        let [first, last, asn, name] = fields.as_slice() else {
            let found = fields.len();
            return Err(format!(
                "{found} fields where four are due: first address, last address, AS number, name"
            ));
        };
        let address = |text: &str| {
            text.parse::<IpAddr>().map_err(|_| {
                format!("`{text}` is no address (files whose names end in -num are not for this)")
            })
        };
        let (first, last) = (address(first)?, address(last)?);
        let asn: u32 = asn.parse().map_err(|_| format!("`{asn}` is no AS number"))?;
        let mut record = vec![("autonomous_system_number", Value::from(asn))];
        if !name.is_empty() {
            record.push(("autonomous_system_organization", Value::from(*name)));
        }
        Ok(Self { networks: networks(first, last)?, value: Value::map(record) })
    }
}

/// The fewest networks that are the range.
fn networks(first: IpAddr, last: IpAddr) -> Result<Vec<IpNet>, String> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            Ok(Ipv4Subnets::new(first, last, 0).map(IpNet::from).collect())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            Ok(Ipv6Subnets::new(first, last, 0).map(IpNet::from).collect())
        }
        _ if first.is_ipv4() == last.is_ipv4() => {
            Err(format!("the range ends ({last}) before it starts ({first})"))
        }
        _ => Err(format!("{first} and {last} are of different IP versions")),
    }
}

/// Under another name first, so that a reader finds all of it or nothing.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // As any file that is made: others may read it if the umask lets them.
    let mut file = tempfile::Builder::new()
        .prefix(".annotation-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}
