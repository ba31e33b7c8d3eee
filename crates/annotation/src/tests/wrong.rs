use std::net::Ipv4Addr;

use mmdb_writer::{IpVersion, Value};
use proptest::prelude::*;

use crate::testing::{city, countries, database, file, systems};
use crate::{Databases, LoadError};

fn refused(geography: &[u8]) -> LoadError {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "city.mmdb", geography);
    Databases::open(Some(&path), None).unwrap_err()
}

#[test]
fn a_file_that_is_none_or_not_whole_is_refused() {
    let whole = city();
    let mut cases = vec![Vec::new(), b"<html>429 Too Many Requests</html>".to_vec()];
    cases.extend((1..20).map(|part| whole[..whole.len() * part / 20].to_vec()));
    for bytes in cases {
        let error = refused(&bytes);
        assert!(matches!(error, LoadError::Damaged { .. }), "{} bytes: {error}", bytes.len());
        assert!(error.to_string().ends_with("fetch it again"), "{error}");
    }
}

#[test]
fn a_database_of_something_else_is_refused_with_what_it_has() {
    let error = refused(&systems("Cloudflare"));
    let message = error.to_string();
    let expected = "(GeoLite2-ASN) is no geography database: its records have \
                    `autonomous_system_number`, `autonomous_system_organization` and not `country`";
    assert!(message.contains(expected), "{message}");

    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "countries.mmdb", &countries());
    let error = Databases::open(None, Some(&path)).unwrap_err();
    assert!(error.to_string().contains("have `country_code` and not"), "{error}");

    let empty = refused(&database("GeoLite2-City", IpVersion::V6, Vec::new()));
    assert!(empty.to_string().contains("its records have no keys"), "{empty}");
}

/// The key is there, with another meaning.
#[test]
fn a_record_of_another_kind_is_refused() {
    let networks = vec![("1.0.0.0/8", Value::map([("country", Value::from("Australia"))]))];
    let error = refused(&database("Other", IpVersion::V6, networks));
    assert!(matches!(error, LoadError::Layout { .. }), "{error}");
}

proptest! {
    /// Bits that fell over are noticed, or mean something else; nothing panics.
    #[test]
    fn a_damaged_file_is_refused_or_answers(
        places in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
        address in any::<u32>(),
    ) {
        let mut bytes = city();
        for (place, bit) in places {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "city.mmdb", &bytes);
        if let Ok(databases) = Databases::open(Some(&path), None) {
            let address = Ipv4Addr::from(address).to_string();
            for address in [address.as_str(), "81.2.69.142", "2a02:1000::1"] {
                let _ = databases.snapshot().end(Some(address));
            }
        }
    }
}
