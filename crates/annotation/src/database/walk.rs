//! A look at everything in a database, so that damage is noticed when it is
//! loaded and not when an address is asked for.
//!
//! `Reader::verify` refuses files without a description, as the npm packages'
//! are, and knows nothing of layouts.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use serde::de::IgnoredAny;

use super::Kind;
use crate::{geography, network};

/// So many keys tell what a file is instead.
const KEYS_NAMED: usize = 10;

/// Why a database is none for a purpose.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Something in it cannot be read.
    Damaged(MaxMindDbError),
    /// None of its records says what it is to be asked for.
    Layout {
        /// Keys that they have instead.
        found: String,
    },
}

impl From<MaxMindDbError> for Fault {
    fn from(error: MaxMindDbError) -> Self {
        Self::Damaged(error)
    }
}

/// Reads every record once, as an address in it would be.
pub(crate) fn check<S: AsRef<[u8]>>(kind: Kind, reader: &Reader<S>) -> Result<(), Fault> {
    // A node has two sides, so a tree that ends has less.
    let most = 3 * u64::from(reader.metadata().node_count);
    let (mut seen, mut keys, mut fits) = (HashSet::new(), BTreeSet::new(), false);
    let options = WithinOptions::default().include_networks_without_data();
    for (number, found) in (0_u64..).zip(reader.networks(options)?) {
        if number > most {
            return Err(MaxMindDbError::invalid_database("the tree goes in circles").into());
        }
        let found = found?;
        if !found.offset().is_some_and(|offset| seen.insert(offset)) {
            continue;
        }
        match says(kind, &found) {
            Ok(true) => fits = true,
            Err(error) if fits => return Err(error.into()),
            // It may be a database of something else.
            Ok(false) | Err(_) if !fits && keys.len() < KEYS_NAMED => {
                keys.extend(keys_of(&found)?);
            }
            Ok(false) | Err(_) => {}
        }
    }
    if fits {
        return Ok(());
    }
    let named: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    let found = if named.is_empty() { "no keys".to_owned() } else { named.join(", ") };
    Err(Fault::Layout { found })
}

#[expect(clippy::zero_sized_map_values, reason = "serde reads a map as a map")]
fn keys_of<S: AsRef<[u8]>>(found: &LookupResult<'_, S>) -> Result<Vec<String>, MaxMindDbError> {
    let record = found.decode::<BTreeMap<String, IgnoredAny>>()?;
    Ok(record.into_iter().flat_map(BTreeMap::into_keys).collect())
}

/// Whether the record says something of this kind.
fn says<S: AsRef<[u8]>>(kind: Kind, found: &LookupResult<'_, S>) -> Result<bool, MaxMindDbError> {
    Ok(match kind {
        Kind::Geography => {
            let record = found.decode::<geography::Record<'_>>()?;
            record.is_some_and(|record| record.into_geography().is_some())
        }
        Kind::Network => {
            let record = found.decode::<network::Record<'_>>()?;
            record.is_some_and(|record| record.has_number())
        }
    })
}
