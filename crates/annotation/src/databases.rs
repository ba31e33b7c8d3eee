//! The files that a collector annotates from, and their replacement.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use trigpoint_record::tables::annotation::{End, Missing, Source, Sources};

use crate::address;
use crate::database::{Database, Kind, LoadError};
use crate::stamp::Stamp;

/// At most one database of each kind, each followed when its file is replaced.
#[derive(Debug, Default)]
pub struct Databases {
    geography: Option<Followed>,
    network: Option<Followed>,
}

/// The databases as they were at one moment: what all rows of a batch are
/// annotated from.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    geography: Option<Arc<Database>>,
    network: Option<Arc<Database>>,
}

/// A file that had changed.
#[derive(Debug)]
pub struct Reload {
    /// What it is asked for.
    pub kind: Kind,
    /// Where it is.
    pub path: PathBuf,
    /// The new database; or why the old one stays.
    pub outcome: Result<Source, LoadError>,
}

#[derive(Debug)]
struct Followed {
    kind: Kind,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The file that was tried last; none where there was none.
    seen: Option<Stamp>,
    current: Arc<Database>,
}

impl Databases {
    /// Reads the files that are named; an error tells which one cannot be used.
    pub fn open(geography: Option<&Path>, network: Option<&Path>) -> Result<Self, LoadError> {
        let open = |kind, path: Option<&Path>| path.map(|it| Followed::open(kind, it)).transpose();
        Ok(Self {
            geography: open(Kind::Geography, geography)?,
            network: open(Kind::Network, network)?,
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.geography.is_none() && self.network.is_none()
    }

    /// What they are now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            geography: self.geography.as_ref().map(Followed::current),
            network: self.network.as_ref().map(Followed::current),
        }
    }

    /// Reads those files again that are others than were tried last.  One that
    /// cannot be used changes nothing, and is told once.
    ///
    /// Reads and checks whole files: call it off the async threads.
    pub fn reload(&self) -> Vec<Reload> {
        [&self.geography, &self.network]
            .into_iter()
            .flatten()
            .filter_map(Followed::reload)
            .collect()
    }
}

impl Followed {
    fn open(kind: Kind, path: &Path) -> Result<Self, LoadError> {
        let (database, stamp) = Database::load(kind, path)?;
        let state = State { seen: Some(stamp), current: Arc::new(database) };
        Ok(Self { kind, path: path.to_owned(), state: Mutex::new(state) })
    }

    fn current(&self) -> Arc<Database> {
        Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner).current)
    }

    fn reload(&self) -> Option<Reload> {
        let found = Stamp::at(&self.path);
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.seen == found {
                return None;
            }
            state.seen = found;
        }
        // Not under the lock: batches go on with the old one meanwhile.
        let outcome = Database::load(self.kind, &self.path).map(|(database, stamp)| {
            let source = database.source();
            let state = State { seen: Some(stamp), current: Arc::new(database) };
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
            source
        });
        Some(Reload { kind: self.kind, path: self.path.clone(), outcome })
    }
}

impl Snapshot {
    /// What is known of the address that a row has there.
    pub fn end(&self, text: Option<&str>) -> End {
        let address = text.and_then(address::parse);
        let geography = asked(self.geography.as_deref(), address);
        let network = asked(self.network.as_deref(), address);
        End {
            geography: geography.and_then(|(database, address)| database.geography(address)),
            network: network.and_then(|(database, address)| database.network(address)),
        }
    }

    /// Which databases they are.
    pub fn sources(&self) -> Sources {
        Sources {
            geography: self.geography.as_deref().map(Database::source),
            network: self.network.as_deref().map(Database::source),
        }
    }
}

fn asked(
    database: Option<&Database>,
    address: Option<IpAddr>,
) -> Result<(&Database, IpAddr), Missing> {
    let database = database.ok_or(Missing::NoDatabase)?;
    let address = address.ok_or(Missing::NotAnAddress)?;
    // Some know what cannot be known: the npm file of countries has 192.168.1.1
    // in Australia.
    if !address::is_public(address) {
        return Err(Missing::PrivateAddress);
    }
    Ok((database, address))
}
