use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::testing::file;
use crate::{BuildError, DATABASE_TYPE, Databases, build};

/// Lines of `@ip-location-db/asn`.
const IPV4: &str = "1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n\
                    1.1.1.0,1.1.1.255,13335,\"Cloudflare, Inc.\"\n\
                    1.2.0.0,1.2.2.255,64500,Three quarters\n\
                    8.8.8.0,8.8.8.255,15169,Google LLC\n";
/// With Teredo, which is not in the tree of its own.
const IPV6: &str = "2001::,2001::ffff:ffff:ffff:ffff:ffff:ffff,6939,Hurricane Electric LLC\n\
                    2606:4700::,2606:4700:ffff:ffff:ffff:ffff:ffff:ffff,13335,\n";

fn inputs(folder: &Path) -> Vec<PathBuf> {
    [("asn-ipv4.csv", IPV4), ("asn-ipv6.csv", IPV6)]
        .map(|(name, text)| file(folder, name, text.as_bytes()))
        .into()
}

#[test]
fn a_database_that_is_built_answers_like_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("asn.mmdb");
    let built = build(&inputs(folder.path()), &output).unwrap();
    assert_eq!((built.lines, built.networks, built.left_out), (6, 6, 1));
    assert_eq!(built.bytes, output.metadata().unwrap().len());

    let snapshot = Databases::open(None, Some(&output)).unwrap().snapshot();
    let source = snapshot.sources().network.unwrap();
    assert_eq!(source.name, DATABASE_TYPE);
    assert!(source.build_time > Some(1_790_000_000_000_000), "{source:?}");
    for (address, asn, name, cidr) in [
        ("1.1.1.1", 13_335, Some("Cloudflare, Inc."), "1.1.1.0/24"),
        ("8.8.8.8", 15_169, Some("Google LLC"), "8.8.8.0/24"),
        ("1.2.1.9", 64_500, Some("Three quarters"), "1.2.0.0/23"),
        ("1.2.2.255", 64_500, Some("Three quarters"), "1.2.2.0/24"),
        ("2606:4700::1111", 13_335, None, "2606:4700::/32"),
    ] {
        let network = snapshot.end(Some(address)).network.unwrap();
        assert_eq!((network.asn, network.as_name.as_deref()), (asn, name), "{address}");
        assert_eq!(network.cidr.as_deref(), Some(cidr), "{address}");
    }
    for none in ["1.0.1.0", "1.2.3.0", "2001::1", "2606:4701::"] {
        assert!(snapshot.end(Some(none)).network.is_err(), "{none}");
    }
}

#[test]
fn the_later_line_counts() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "1.0.0.0,1.255.255.255,64500,wide\n1.1.1.0,1.1.1.255,64501,narrow\n";
    let input = file(folder.path(), "asn.csv", lines.as_bytes());
    let output = folder.path().join("asn.mmdb");
    build(&[input], &output).unwrap();
    let snapshot = Databases::open(None, Some(&output)).unwrap().snapshot();
    let asn = |address| snapshot.end(Some(address)).network.unwrap().asn;
    assert_eq!((asn("1.1.1.1"), asn("1.1.2.1")), (64_501, 64_500));
}

#[test]
fn a_wrong_line_is_named_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("asn.mmdb");
    std::fs::write(&output, "what was there").unwrap();
    for (line, expected) in [
        ("start,end,asn,name", "`start` is no address"),
        ("16777216,16777471,13335,Cloudflare", "`16777216` is no address (files whose names end"),
        ("1.0.0.0,1.0.0.256,13335,Cloudflare", "`1.0.0.256` is no address"),
        ("1.0.1.0,1.0.0.255,13335,Cloudflare", "the range ends (1.0.0.255) before it starts"),
        ("1.0.0.0,2606:4700::,13335,Cloudflare", "are of different IP versions"),
        ("1.0.0.0,1.0.0.255,AS13335,Cloudflare", "`AS13335` is no AS number"),
        ("1.0.0.0,1.0.0.255,4294967296,Cloudflare", "`4294967296` is no AS number"),
        ("1.0.0.0,1.0.0.255,13335", "3 fields where four are due"),
        ("1.0.0.0,1.0.0.255,13335,Cloudflare, Inc.", "5 fields where four are due"),
        ("1.0.0.0,1.0.0.255,13335,\u{fffd}", ""),
    ] {
        let mut bytes = IPV4.as_bytes().to_vec();
        bytes.extend_from_slice(line.as_bytes());
        if line.ends_with('\u{fffd}') {
            // Half of a character.
            bytes.pop();
        }
        let input = file(folder.path(), "asn.csv", &bytes);
        let error = build(std::slice::from_ref(&input), &output).unwrap_err();
        assert!(matches!(error, BuildError::Line { line: 5, .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.starts_with(&format!("`{}`, line 5: ", input.display())), "{message}");
        assert!(message.contains(expected), "{message} has not: {expected}");
        assert_eq!(std::fs::read_to_string(&output).unwrap(), "what was there");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

#[test]
fn an_unusable_input_or_output_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("asn.mmdb");
    let missing = folder.path().join("none.csv");
    let error = build(std::slice::from_ref(&missing), &output).unwrap_err();
    let expected = format!("cannot read `{}`: No such file", missing.display());
    assert!(error.to_string().starts_with(&expected), "{error}");

    let empty = file(folder.path(), "empty.csv", b"\n\n");
    let error = build(std::slice::from_ref(&empty), &output).unwrap_err();
    assert_eq!(error.to_string(), format!("`{}` has no lines", empty.display()));

    let nowhere = folder.path().join("none/asn.mmdb");
    let error = build(&inputs(folder.path()), &nowhere).unwrap_err();
    let expected = format!("cannot write `{}`: No such file", nowhere.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}

/// A collector of another account reads it.
#[test]
fn what_is_built_may_be_read_like_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("asn.mmdb");
    build(&inputs(folder.path()), &output).unwrap();
    let plain = file(folder.path(), "plain", b"");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
    assert_eq!(mode(&output), mode(&plain));
}

/// A collector may be reading the old one at that moment.
#[test]
fn whoever_reads_the_file_that_is_replaced_reads_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = file(folder.path(), "asn.mmdb", b"what was there");
    let mut old = std::fs::File::open(&output).unwrap();
    build(&inputs(folder.path()), &output).unwrap();
    assert_eq!(std::io::read_to_string(&mut old).unwrap(), "what was there");
    assert_ne!(std::fs::read(&output).unwrap(), b"what was there");
}
