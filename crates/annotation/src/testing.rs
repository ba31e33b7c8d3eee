//! Small databases, made in the test.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ipnet::IpNet;
use mmdb_writer::{IpVersion, Value, Writer};

/// 2026-06-17T00:00:00Z.
pub(crate) const BUILT_S: u64 = 1_781_654_400;

pub(crate) fn names(name: &str) -> Value {
    Value::map([("de", Value::from("anders")), ("en", Value::from(name))])
}

/// With the layout of GeoLite2-City.
pub(crate) fn city() -> Vec<u8> {
    let subdivision = |code: &str, name: &str| {
        Value::map([("iso_code", Value::from(code)), ("names", names(name))])
    };
    let oxford = Value::map([
        (
            "city",
            Value::map([("geoname_id", Value::from(2_640_729_u32)), ("names", names("Oxford"))]),
        ),
        ("continent", Value::map([("code", Value::from("EU")), ("names", names("Europe"))])),
        (
            "country",
            Value::map([("iso_code", Value::from("GB")), ("names", names("United Kingdom"))]),
        ),
        (
            "location",
            Value::map([
                ("accuracy_radius", Value::from(20_u16)),
                ("latitude", Value::from(51.75)),
                ("longitude", Value::from(-1.25)),
                ("time_zone", Value::from("Europe/London")),
            ]),
        ),
        ("postal", Value::map([("code", Value::from("OX1"))])),
        (
            "subdivisions",
            Value::array([subdivision("ENG", "England"), subdivision("OXF", "Oxfordshire")]),
        ),
    ]);
    let nowhere =
        Value::map([("registered_country", Value::map([("iso_code", Value::from("DE"))]))]);
    let metro = Value::map([
        ("country", Value::map([("iso_code", Value::from("US"))])),
        (
            "location",
            Value::map([
                ("metro_code", Value::from(512_u32)),
                ("latitude", Value::Float(37.75)),
                ("longitude", Value::from(-97_i32)),
            ]),
        ),
    ]);
    database(
        "GeoLite2-City",
        IpVersion::V6,
        vec![
            ("81.2.69.0/24", oxford.clone()),
            ("2a02:1000::/32", oxford),
            ("8.8.8.0/24", metro),
            ("9.9.9.0/24", nowhere),
        ],
    )
}

/// With the layout of the npm packages.
pub(crate) fn countries() -> Vec<u8> {
    let country = |code: &str| Value::map([("country_code", Value::from(code))]);
    database(
        "geo-whois-asn-country",
        IpVersion::V6,
        vec![("1.1.1.0/24", country("AU")), ("2606:4700::/32", country("US"))],
    )
}

/// With the layout of GeoLite2-ASN, of IPv4 only.
pub(crate) fn systems(name: &str) -> Vec<u8> {
    let system = |number: u32, name: &str| {
        Value::map([
            ("autonomous_system_number", Value::from(number)),
            ("autonomous_system_organization", Value::from(name)),
        ])
    };
    database(
        "GeoLite2-ASN",
        IpVersion::V4,
        vec![
            ("1.1.1.0/24", system(13_335, name)),
            ("81.2.64.0/20", system(20_712, "Andrews & Arnold")),
            ("8.8.8.8/32", Value::map([("autonomous_system_number", Value::from(15_169_u32))])),
            ("10.0.0.0/8", system(64_512, "the office")),
        ],
    )
}

pub(crate) fn database(name: &str, version: IpVersion, networks: Vec<(&str, Value)>) -> Vec<u8> {
    // As the npm packages' files, it has no description.
    let mut writer = Writer::builder(name)
        .ip_version(version)
        .build_epoch(UNIX_EPOCH + Duration::from_secs(BUILT_S))
        .build();
    for (network, value) in networks {
        writer.insert_value(network.parse::<IpNet>().unwrap(), value).unwrap();
    }
    writer.to_bytes().unwrap()
}

pub(crate) fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
