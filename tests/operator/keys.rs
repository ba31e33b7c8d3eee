//! Certificates and keys that the operator makes.

use serde_json::json;
use trigpoint_access_token::{Purpose, VerifyingKey, verify};
use trigpoint_testkit::Directory;

use crate::cluster::Cluster;
use crate::running::{Door, Running, certificates, settings};
use crate::{is_up_to_date, three_more_rounds, until};

#[test]
fn servers_get_certificates_stations_a_bundle_and_tests_a_token_that_it_vouches_for() {
    let directory = Directory::new();
    let mut cluster = Cluster::start(&directory);
    cluster.add_node("node-1", true);
    cluster.apply_fleet(&json!({}));
    let with_keys =
        trigpoint_operator::Settings { certificates: Some(certificates()), ..settings("one") };
    let operator = Running::with(&cluster, with_keys, Door::open(), None).unwrap();
    until(&mut cluster, "the fleet serves", |c| is_up_to_date(c, 1));

    let bundle = cluster.get_core("configmaps/trigpoint-ca")["data"].clone();
    let secret = cluster.get_core("secrets/trigpoint-tls");
    assert_eq!(secret["type"], "kubernetes.io/tls");
    // For whoever asks that server from a namespace without the bundle.
    let beside = cluster.secret_text(&secret, "ca.crt");
    assert_eq!(beside, bundle["ca.crt"].as_str().unwrap());
    assert!(cluster.secret_text(&secret, "tls.crt").contains("BEGIN CERTIFICATE"));

    let tests = cluster.self_tests();
    let [test] = tests.as_slice() else { panic!("{tests:?}") };
    let token = test["metadata"]["annotations"]["trigpoint.dev/synthetic-token"].as_str().unwrap();
    let key = VerifyingKey::from_pem(bundle["synthetic.pub"].as_str().unwrap()).unwrap();
    let station = cluster.station_name("node-1");
    let now = chrono::Utc::now().timestamp() as u64;
    assert_eq!(verify(&key, token, Purpose::SyntheticTest, &station, now), Ok(()));
    assert!(verify(&key, token, Purpose::SyntheticTest, "another", now).is_err());

    // What is good is not written again.
    let writes = operator.metric("trigpoint_operator_writes_total");
    three_more_rounds(&mut cluster, &operator);
    assert_eq!(operator.metric("trigpoint_operator_writes_total"), writes);
}
