//! One file in MaxMind's format, whole in memory.
//!
//! Never mapped into memory: a file that is shortened behind a map ends the
//! process by a signal.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;
use trigpoint_record::tables::annotation::{Geography, Missing, Network, Source};

use crate::stamp::Stamp;
use crate::{geography, network};

mod walk;

pub(crate) use walk::{Fault, check};

/// What a database is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Where an address is: layouts GeoLite2-City and GeoLite2-Country, and the
    /// npm packages' that have a `country_code`.
    Geography,
    /// Whose network an address is in: layout GeoLite2-ASN.
    Network,
}

impl Kind {
    /// The word in messages and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Geography => "geography",
            Self::Network => "network",
        }
    }

    /// Keys of its records, of which one is enough.
    const fn keys(self) -> &'static str {
        match self {
            Self::Geography => "`country`, `continent`, `city`, `location` or `country_code`",
            Self::Network => "`autonomous_system_number`",
        }
    }
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {} database `{}`: {source}", kind.name(), path.display())]
    Read {
        /// What it was to be asked for.
        kind: Kind,
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("{} database `{}` is no regular file", kind.name(), path.display())]
    NotAFile {
        /// What it was to be asked for.
        kind: Kind,
        /// Where it is.
        path: PathBuf,
    },
    /// Its bytes are no database, or not all of one.
    #[error(
        "{} database `{}` is damaged, or is no file in MaxMind's format (.mmdb): {source}; fetch it again",
        kind.name(),
        path.display()
    )]
    Damaged {
        /// What it was to be asked for.
        kind: Kind,
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        source: MaxMindDbError,
    },
    /// It is a database of something else.
    #[error(
        "`{}` ({name}) is no {} database: its records have {found} and not {}",
        path.display(),
        kind.name(),
        kind.keys()
    )]
    Layout {
        /// What it was to be asked for.
        kind: Kind,
        /// Where it is.
        path: PathBuf,
        /// How it names itself.
        name: String,
        /// What it has instead.
        found: String,
    },
}

/// A database that was read and checked.
pub(crate) struct Database {
    reader: Reader<Vec<u8>>,
}

impl Database {
    /// Reads the file and checks all of it.
    pub(crate) fn load(kind: Kind, path: &Path) -> Result<(Self, Stamp), LoadError> {
        let (bytes, stamp) = read(path).map_err(|failure| match failure {
            Some(source) => LoadError::Read { kind, path: path.to_owned(), source },
            None => LoadError::NotAFile { kind, path: path.to_owned() },
        })?;
        let damaged = |source| LoadError::Damaged { kind, path: path.to_owned(), source };
        let reader = Reader::from_source(bytes).map_err(damaged)?;
        check(kind, &reader).map_err(|fault| match fault {
            Fault::Damaged(source) => damaged(source),
            Fault::Layout { found } => {
                let name = reader.metadata().database_type.clone();
                LoadError::Layout { kind, path: path.to_owned(), name, found }
            }
        })?;
        Ok((Self { reader }, stamp))
    }

    /// How it names itself, and when it was built.
    pub(crate) fn source(&self) -> Source {
        let metadata = self.reader.metadata();
        let build_time = i64::try_from(metadata.build_epoch)
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000_000));
        Source { name: metadata.database_type.clone(), build_time }
    }

    /// Where an address is.
    pub(crate) fn geography(&self, address: IpAddr) -> Result<Geography, Missing> {
        let found = self.lookup::<geography::Record<'_>>(address)?;
        found.record.into_geography().ok_or(Missing::NotFound)
    }

    /// Whose network an address is in.
    pub(crate) fn network(&self, address: IpAddr) -> Result<Network, Missing> {
        let found = self.lookup::<network::Record<'_>>(address)?;
        found.record.into_network(address, found.network).ok_or(Missing::NotFound)
    }

    fn lookup<'a, R: Deserialize<'a>>(&'a self, address: IpAddr) -> Result<Found<R>, Missing> {
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Err(Missing::NotFound);
        }
        let unreadable = |_: MaxMindDbError| Missing::Unreadable;
        let found = self.reader.lookup(address).map_err(unreadable)?;
        let Some(record) = found.decode().map_err(unreadable)? else {
            return Err(Missing::NotFound);
        };
        let network = found.network().map_err(unreadable)?;
        Ok(Found { record, network: (network.ip(), network.prefix()) })
    }
}

struct Found<R> {
    record: R,
    network: (IpAddr, u8),
}

/// The file's bytes and what it was when they were read; no error of the system
/// where it is no regular file.
fn read(path: &Path) -> Result<(Vec<u8>, Stamp), Option<io::Error>> {
    // Opening a pipe would wait for its writer.
    if !path.metadata()?.is_file() {
        return Err(None);
    }
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.read_to_end(&mut bytes)?;
    Ok((bytes, Stamp::of(&metadata)))
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Database").field("source", &self.source()).finish_non_exhaustive()
    }
}
