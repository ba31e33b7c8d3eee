//! The free databases of addresses that the quick start names, as they are in
//! their npm packages: what they are known to answer.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use trigpoint_annotation::{Databases, Snapshot};
use trigpoint_testkit::{Directory, run};

/// A debug build makes a tree of 700,000 networks.
const DEADLINE: Duration = Duration::from_mins(10);

/// A package of the folder that `cargo xtask` names.
fn package(name: &str) -> PathBuf {
    let modules = std::env::var_os("ADDRESS_MODULES").expect(
        "ADDRESS_MODULES is not set: run `cargo xtask prove annotation`, which fetches the files",
    );
    PathBuf::from(modules).join("@ip-location-db").join(name)
}

/// Both databases, the second built by the command line.
fn snapshot(directory: &Directory) -> Snapshot {
    let countries = package("geo-whois-asn-country-mmdb").join("geo-whois-asn-country.mmdb");
    let systems = directory.join("asn.mmdb");
    let mut build = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
    build.args(["annotation", "build", "--output"]).arg(&systems);
    build.args(["asn-ipv4.csv", "asn-ipv6.csv"].map(|name| package("asn").join(name)));
    let built = run(&mut build, DEADLINE);
    built.expect_code(0);
    Databases::open(Some(&countries), Some(&systems)).unwrap().snapshot()
}

#[test]
fn the_free_databases_answer_as_is_known_of_them() {
    let directory = Directory::new();
    let snapshot = snapshot(&directory);
    for (address, country, asn) in [
        ("1.1.1.1", "AU", 13_335),
        ("8.8.8.8", "US", 15_169),
        ("::ffff:8.8.8.8", "US", 15_169),
        ("2606:4700::1111", "US", 13_335),
        ("193.0.0.1", "NL", 3_333),
        ("2001:67c:2e8::1", "NL", 3_333),
    ] {
        let end = snapshot.end(Some(address));
        let network = end.network.unwrap();
        assert_eq!(network.asn, asn, "{address}");
        assert!(network.as_name.is_some(), "{address}");
        assert!(network.cidr.unwrap().contains('/'), "{address}");
        assert_eq!(end.geography.unwrap().country_code.as_deref(), Some(country), "{address}");
    }
    for (address, reason) in [
        ("192.168.1.1", "private_address"),
        ("::1", "private_address"),
        // Teredo: in this format a second way to IPv4.
        ("2001::", "not_found"),
        ("not an address", "not_an_address"),
    ] {
        let end = snapshot.end(Some(address));
        assert_eq!(end.network.unwrap_err().name(), reason, "{address}");
        assert_eq!(end.geography.unwrap_err().name(), reason, "{address}");
    }
    let sources = snapshot.sources();
    assert!(sources.geography.unwrap().build_time.is_some());
    assert_eq!(sources.network.unwrap().name, "Trigpoint-ASN");
}
