//! Tables in a bucket of a real S3 server behind TLS.

use std::path::PathBuf;

use trigpoint_testkit::{Certificates, S3};

use crate::container::{BY_DNS, Extras, Host};

/// Where the programs look if nobody tells them.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

struct Bench {
    // Before the directory that it uses.
    s3: S3,
    authority: PathBuf,
    host: Host,
}

impl Bench {
    fn new() -> Self {
        let host = Host::new();
        let certificates = Certificates::make(&host.directory, &[BY_DNS]);
        let s3 = S3::start_with_tls(&host.directory, &certificates);
        Self { s3, authority: certificates.authority, host }
    }

    /// What the programs need for the bucket, whose server has a name.
    fn environment(&self) -> Vec<(String, String)> {
        let address = self.s3.address();
        let mut environment: Vec<_> = S3::environment(address)
            .into_iter()
            .filter(|(name, _)| !["AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"].contains(name))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let endpoint = format!("https://{BY_DNS}:{}", address.port());
        environment.push(("AWS_ENDPOINT_URL".to_owned(), endpoint));
        environment.push(("TRIGPOINT_LAKE".to_owned(), self.s3.url("tables")));
        environment
    }

    /// Two tests by a container become two rows for others.
    fn expect_rows(&self, extras: &Extras) {
        let mut standalone = vec!["standalone", "--try", "--exit", "--data-dir", "/tmp/data"];
        standalone.extend(["--ws-port", "0", "--wss-port", "0", "--test-duration", "1s"]);
        self.host.trigpoint(&standalone, extras).finished().expect_code(0);
        let sql = "SELECT count(*) FROM speed_tests";
        let query = self.host.trigpoint(&["query", "--format", "csv", sql], extras).finished();
        assert_eq!(query.expect_code(0).stdout.lines().nth(1), Some("2"));
        self.host.trigpoint(&["lake", "check"], extras).finished().expect_code(0);
        assert!(self.s3.bucket().join("tables/speed_tests/_delta_log").is_dir());
    }
}

#[test]
fn an_unknown_authority_is_refused_in_one_line() {
    let bench = Bench::new();
    let extras = Extras { environment: bench.environment(), files: Vec::new() };
    for (command, code) in [
        (&["query", "SELECT count(*) FROM speed_tests"][..], 1),
        (&["lake", "check"], 2),
        (&["standalone", "--data-dir", "/tmp/data", "--ws-port", "0", "--wss-port", "0"], 1),
    ] {
        let line = bench.host.trigpoint(command, &extras).refusal(code);
        assert!(line.contains("UnknownIssuer"), "{line}");
    }
    let stored = std::fs::read_dir(bench.s3.bucket()).unwrap().count();
    assert_eq!(stored, 0, "something was stored");
}

#[test]
fn an_authority_in_the_place_of_the_bundle_is_believed() {
    let bench = Bench::new();
    let files = vec![(bench.authority.clone(), BUNDLE.to_owned())];
    bench.expect_rows(&Extras { environment: bench.environment(), files });
}

#[test]
fn an_authority_named_by_ssl_cert_file_is_believed() {
    let bench = Bench::new();
    let mounted = "/etc/trigpoint/authority.pem";
    let mut environment = bench.environment();
    environment.push(("SSL_CERT_FILE".to_owned(), mounted.to_owned()));
    let files = vec![(bench.authority.clone(), mounted.to_owned())];
    bench.expect_rows(&Extras { environment, files });
}
