//! Credentials for a role, from a token file and AWS's token service, as a pod
//! with a service account on EKS gets them.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};

use rustls::{ServerConnection, StreamOwned};
use trigpoint_process::tls;
use trigpoint_testkit::{Directory, S3, run};

use super::{DEADLINE, TRIGPOINT};

/// The head of an HTTP request.
fn head(stream: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
    }
    head
}

/// A store that sees one request and refuses it: versitygw knows no tokens but
/// its own.
fn refusing_store() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (seen, requests) = mpsc::channel();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        seen.send(head(&mut stream)).unwrap();
        stream.get_mut().write_all(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    (address, requests)
}

/// AWS's token service for one question, over TLS as object_store demands.
fn token_service(directory: &Directory) -> (String, tls::Certificate, Receiver<String>) {
    let certificate = tls::self_signed(&directory.join("sts")).unwrap();
    let configuration = certificate.server_config(&["http/1.1"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (seen, requests) = mpsc::channel();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let socket = listener.accept().unwrap().0;
        let connection = ServerConnection::new(configuration).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(connection, socket));
        seen.send(head(&mut stream)).unwrap();
        let length = CREDENTIALS.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{CREDENTIALS}");
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
    });
    (url, certificate, requests)
}

const CREDENTIALS: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>\
    <Credentials><AccessKeyId>role-key</AccessKeyId><SecretAccessKey>hidden</SecretAccessKey>\
    <SessionToken>role-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
    </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

#[test]
fn a_web_identity_is_changed_for_keys_that_sign_the_requests() {
    let directory = Directory::new();
    let (sts, certificate, questions) = token_service(&directory);
    let (store, requests) = refusing_store();
    let token = directory.join("identity");
    std::fs::write(&token, "projected-token").unwrap();

    let mut query = Command::new(TRIGPOINT);
    query.args(["query", "SELECT count(*) FROM flows", "--lake", "s3://lake/tables"]);
    query.envs(S3::environment(store));
    query.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    query.env("AWS_WEB_IDENTITY_TOKEN_FILE", token).env("AWS_ENDPOINT_URL_STS", sts);
    query.env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/lake");
    let answer = run(query.env("SSL_CERT_FILE", certificate.chain_path()), DEADLINE);
    answer.expect_code(1);

    let question = questions.try_recv().unwrap();
    for part in ["AssumeRoleWithWebIdentity", "WebIdentityToken=projected-token", "role%2Flake"] {
        assert!(question.contains(part), "{question}");
    }
    let request = requests.try_recv().unwrap();
    for part in ["Credential=role-key/", "x-amz-security-token: role-session"] {
        assert!(request.contains(part), "{request}");
    }
}
