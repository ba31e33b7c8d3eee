//! A test of a station that is a sample for a gate.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementFleet;

use super::metadata;
use super::probe::on;
use super::speedtest::{self, Tested};
use crate::names;
use crate::synthetic::Account;

/// The test of a station from the node `from`; `account` is what its pod remembers.
pub(crate) fn synthetic_test(
    fleet: &MeasurementFleet,
    tested: &Tested<'_>,
    image: &str,
    token: &str,
    from: &str,
    account: &Account,
) -> Pod {
    let name = names::synthetic_test(&fleet.name_any(), account.number);
    let mut metadata = metadata(fleet, name, names::SYNTHETIC_TEST);
    metadata
        .annotations
        .get_or_insert_default()
        .insert(names::SYNTHETIC_ACCOUNT.to_owned(), account.to_text());
    speedtest::pod(metadata, tested, image, on(from), Some(token))
}
