use std::fs;
use std::path::Path;

use crate::testing::{city, file, systems};
use crate::{Databases, LoadError};

/// As a downloader does it: another file under the same name.
fn replace(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path).unwrap();
}

fn name_of_the_system(databases: &Databases) -> String {
    databases.snapshot().end(Some("1.1.1.1")).network.unwrap().as_name.unwrap()
}

#[test]
fn a_replaced_file_is_used_and_a_batch_keeps_the_one_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "asn.mmdb", &systems("before"));
    let databases = Databases::open(None, Some(&path)).unwrap();
    assert!(databases.reload().is_empty());
    let began_with = databases.snapshot();

    replace(&path, &systems("after"));
    let reloads = databases.reload();
    let [reload] = reloads.as_slice() else { panic!("{reloads:?}") };
    assert_eq!(reload.outcome.as_ref().unwrap().name, "GeoLite2-ASN");
    assert_eq!(name_of_the_system(&databases), "after");
    let before = began_with.end(Some("1.1.1.1")).network.unwrap().as_name;
    assert_eq!(before.as_deref(), Some("before"));
    assert!(databases.reload().is_empty());
}

#[test]
fn what_cannot_be_used_is_told_once_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "asn.mmdb", &systems("before"));
    let databases = Databases::open(None, Some(&path)).unwrap();
    let whole = systems("after");

    let told = |expected: &str| {
        let reloads = databases.reload();
        let [reload] = reloads.as_slice() else { panic!("{reloads:?}") };
        let error = reload.outcome.as_ref().unwrap_err().to_string();
        assert!(error.contains(expected), "{error} has not: {expected}");
        assert!(databases.reload().is_empty(), "{expected} is told again");
        assert_eq!(name_of_the_system(&databases), "before");
    };
    // In place, as a downloader that is interrupted leaves it.
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    told("is damaged, or is no file in MaxMind's format");
    replace(&path, &city());
    told("(GeoLite2-City) is no network database");
    fs::remove_file(&path).unwrap();
    told("No such file or directory");
    fs::create_dir(&path).unwrap();
    told("is no regular file");
    fs::remove_dir(&path).unwrap();
    told("No such file or directory");

    replace(&path, &whole);
    assert!(databases.reload()[0].outcome.is_ok());
    assert_eq!(name_of_the_system(&databases), "after");
}

#[test]
fn the_other_database_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let geography = file(folder.path(), "city.mmdb", &city());
    let network = file(folder.path(), "asn.mmdb", &systems("before"));
    let databases = Databases::open(Some(&geography), Some(&network)).unwrap();
    fs::remove_file(&geography).unwrap();
    replace(&network, &systems("after"));
    let outcomes: Vec<_> = databases.reload().into_iter().map(|it| it.outcome.is_ok()).collect();
    assert_eq!(outcomes, [false, true]);
    assert_eq!(name_of_the_system(&databases), "after");
    let end = databases.snapshot().end(Some("81.2.69.142"));
    assert_eq!(end.geography.unwrap().city.as_deref(), Some("Oxford"));
}

#[test]
fn a_file_that_is_not_there_at_the_start_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.mmdb");
    let error = Databases::open(Some(&path), None).unwrap_err();
    assert!(matches!(error, LoadError::Read { .. }));
    let expected = format!("cannot read geography database `{}`: No such file", path.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}
