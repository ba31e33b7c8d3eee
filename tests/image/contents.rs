//! What somebody finds who looks into the image.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use trigpoint_testkit::{Directory, run};

use crate::archive::Image;
use crate::container::DEADLINE;

const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
const EXECUTABLES: [&str; 2] = ["usr/bin/trigpoint", "usr/bin/trigpoint-station"];
const PREFIX: &str = "org.opencontainers.image.";

#[test]
fn labels_entrypoint_and_user_are_what_operators_rely_on() {
    let directory = Directory::new();
    let image = Image::unpack(&directory);
    println!("the image: {:.1} MB compressed", image.compressed_bytes as f64 / 1e6);
    let settings = &image.settings;
    assert_eq!(settings["User"], "65532:65532", "a number, which `runAsNonRoot` wants");
    assert_eq!(settings["Entrypoint"], json!(["trigpoint"]));
    assert_eq!(settings["Cmd"], json!(null));
    assert_eq!(settings["Env"], json!(["PATH=/usr/bin"]));
    assert_eq!(settings["WorkingDir"], "/tmp");
    let label = |name: &str| settings["Labels"][format!("{PREFIX}{name}")].as_str().unwrap();
    assert_eq!(label("title"), "Trigpoint");
    assert!(label("description").contains("measurement"), "{}", label("description"));
    assert_eq!(label("licenses"), "Apache-2.0");
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    let revision = label("revision");
    let is_hexadecimal = revision.chars().all(|digit| digit.is_ascii_hexdigit());
    assert!(revision.len() == 40 && is_hexadecimal, "not a commit: {revision}");
}

/// Kind, mode and owner of everything below `folder`, by path.
fn list(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let (mode, owner) = (metadata.mode(), format!("{}:{}", metadata.uid(), metadata.gid()));
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        found.insert(name, format!("{mode:o} {owner}"));
        if metadata.is_dir() {
            list(root, &path, found);
        }
    }
}

#[test]
fn nothing_is_in_it_but_two_executables_and_what_they_look_for() {
    let directory = Directory::new();
    let image = Image::unpack(&directory);
    let mut found = BTreeMap::new();
    list(&image.root, &image.root, &mut found);
    // Root's, and writable for nobody else; but for `/tmp`.
    let [folder, file, executable, temporary] =
        ["40755 0:0", "100644 0:0", "100755 0:0", "41777 0:0"];
    let expected = [
        ("etc", folder),
        ("etc/group", file),
        ("etc/passwd", file),
        ("etc/ssl", folder),
        ("etc/ssl/certs", folder),
        (CERTIFICATES, file),
        ("tmp", temporary),
        ("usr", folder),
        ("usr/bin", folder),
        (EXECUTABLES[0], executable),
        (EXECUTABLES[1], executable),
    ];
    let expected = expected.map(|(name, is)| (name.to_owned(), is.to_owned()));
    assert_eq!(found, BTreeMap::from(expected));
    let users = fs::read_to_string(image.root.join("etc/passwd")).unwrap();
    assert!(users.contains("\nnonroot:x:65532:65532:"), "{users}");
    let groups = fs::read_to_string(image.root.join("etc/group")).unwrap();
    assert!(groups.contains("\nnonroot:x:65532:"), "{groups}");
}

#[test]
fn the_executables_need_no_library_and_name_functions_in_backtraces() {
    let directory = Directory::new();
    let image = Image::unpack(&directory);
    for name in EXECUTABLES {
        let mut readelf = Command::new("readelf");
        readelf.args(["--wide", "--program-headers", "--dynamic", "--section-headers"]);
        let finished = run(readelf.arg(image.root.join(name)), DEADLINE);
        finished.expect_code(0);
        let has = |word: &str| finished.stdout.contains(word);
        assert!(has(" LOAD ") && has(" .text "), "{name}: {}", finished.stdout);
        assert!(!has(" INTERP "), "{name} wants a dynamic linker");
        assert!(!has("(NEEDED)"), "{name} wants libraries");
        assert!(has(" .symtab "), "{name} has no symbols");
        assert!(!has(" .debug_info ") && !has(" .debug_line "), "{name} has debug information");
    }
}

#[test]
fn it_trusts_the_authorities_of_public_object_stores() {
    let directory = Directory::new();
    let image = Image::unpack(&directory);
    let bundle = CertificateDer::pem_file_iter(image.root.join(CERTIFICATES)).unwrap();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(bundle.map(Result::unwrap));
    assert!(usable > 100, "{usable} authorities");
    for name in ["Amazon Root CA 1", "GTS Root R1"] {
        let known = roots
            .roots
            .iter()
            .any(|root| root.subject.windows(name.len()).any(|window| window == name.as_bytes()));
        assert!(known, "{name} is not trusted");
    }
}
