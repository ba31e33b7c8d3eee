use trigpoint_record::tables::annotation::{Geography, Missing, Network, Source, Sources};

use crate::testing::{BUILT_S, city, countries, file, systems};
use crate::{Databases, Snapshot};

fn snapshot(geography: &[u8], network: &[u8]) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    let geography = file(folder.path(), "geography.mmdb", geography);
    let network = file(folder.path(), "network.mmdb", network);
    Databases::open(Some(&geography), Some(&network)).unwrap().snapshot()
}

#[test]
fn a_city_is_annotated_with_everything_that_the_tables_hold() {
    let end = snapshot(&city(), &systems("Cloudflare")).end(Some("81.2.69.142"));
    let text = |text: &str| Some(text.to_owned());
    let oxford = Geography {
        continent_code: text("EU"),
        country_code: text("GB"),
        country_code3: text("GBR"),
        country_name: text("United Kingdom"),
        subdivision1_iso_code: text("ENG"),
        subdivision1_name: text("England"),
        subdivision2_iso_code: text("OXF"),
        subdivision2_name: text("Oxfordshire"),
        metro_code: None,
        city: text("Oxford"),
        postal_code: text("OX1"),
        latitude: Some(51.75),
        longitude: Some(-1.25),
        accuracy_radius_km: Some(20),
    };
    assert_eq!(end.geography, Ok(oxford));
    let network =
        Network { cidr: text("81.2.64.0/20"), asn: 20_712, as_name: text("Andrews & Arnold") };
    assert_eq!(end.network, Ok(network));
}

#[test]
fn layouts_that_say_less_leave_the_rest_absent() {
    let snapshot = snapshot(&countries(), &systems("Cloudflare"));
    let end = snapshot.end(Some("1.1.1.1"));
    let country = Geography {
        country_code: Some("AU".to_owned()),
        country_code3: Some("AUS".to_owned()),
        ..Geography::default()
    };
    assert_eq!(end.geography, Ok(country));
    let narrow = snapshot.end(Some("8.8.8.8")).network.unwrap();
    assert_eq!((narrow.asn, narrow.as_name), (15_169, None));
    assert_eq!(narrow.cidr.as_deref(), Some("8.8.8.0/24"));
}

#[test]
fn ipv6_and_ipv4_within_ipv6_are_found() {
    let snapshot = snapshot(&city(), &systems("Cloudflare"));
    let city = |address| snapshot.end(Some(address)).geography.map(|it| it.city);
    assert_eq!(city("2a02:1000::1"), Ok(Some("Oxford".to_owned())));
    assert_eq!(city("::ffff:81.2.69.142"), Ok(Some("Oxford".to_owned())));
    let mapped = snapshot.end(Some("::ffff:81.2.69.142")).network.unwrap();
    assert_eq!(mapped.cidr.as_deref(), Some("81.2.64.0/20"));
}

#[test]
fn what_is_missing_is_missing_for_a_reason() {
    let both = snapshot(&city(), &systems("Cloudflare"));
    for (address, geography, network) in [
        (None, Missing::NotAnAddress, Missing::NotAnAddress),
        (Some(""), Missing::NotAnAddress, Missing::NotAnAddress),
        (Some("localhost"), Missing::NotAnAddress, Missing::NotAnAddress),
        (Some("81.2.69.142:443"), Missing::NotAnAddress, Missing::NotAnAddress),
        (Some("192.168.1.1"), Missing::PrivateAddress, Missing::PrivateAddress),
        (Some("::1"), Missing::PrivateAddress, Missing::PrivateAddress),
        (Some("fe80::1"), Missing::PrivateAddress, Missing::PrivateAddress),
        (Some("7.7.7.7"), Missing::NotFound, Missing::NotFound),
        // The database has a record there, and nothing of ours in it.
        (Some("9.9.9.9"), Missing::NotFound, Missing::NotFound),
        // The other database is of IPv4 only.
        (Some("2606:4700::1111"), Missing::NotFound, Missing::NotFound),
    ] {
        let end = both.end(address);
        assert_eq!(end.geography.err(), Some(geography), "{address:?}");
        assert_eq!(end.network.err(), Some(network), "{address:?}");
    }
    let none = Databases::default().snapshot();
    let end = none.end(Some("81.2.69.142"));
    assert_eq!(end.geography.err(), Some(Missing::NoDatabase));
    assert_eq!(end.network.err(), Some(Missing::NoDatabase));
    assert_eq!(none.sources(), Sources::default());
}

/// Files of other vendors have other widths.
#[test]
fn numbers_of_any_width_are_read() {
    let end = snapshot(&city(), &systems("Cloudflare")).end(Some("8.8.8.8"));
    let found = end.geography.unwrap();
    assert_eq!(
        (found.metro_code, found.latitude, found.longitude),
        (Some(512), Some(37.75), Some(-97.0))
    );
}

#[test]
fn a_private_address_is_of_nobody_whatever_a_database_says() {
    let end = snapshot(&city(), &systems("Cloudflare")).end(Some("10.1.2.3"));
    assert_eq!(end.network, Err(Missing::PrivateAddress));
    assert_eq!(end.geography, Err(Missing::PrivateAddress));
}

#[test]
fn a_row_can_name_its_databases() {
    let sources = snapshot(&city(), &systems("Cloudflare")).sources();
    let source = |name: &str| {
        Some(Source { name: name.to_owned(), build_time: Some(BUILT_S as i64 * 1_000_000) })
    };
    assert_eq!(sources.geography, source("GeoLite2-City"));
    assert_eq!(sources.network, source("GeoLite2-ASN"));
}
