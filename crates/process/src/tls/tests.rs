use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn a_self_signed_certificate_is_made_once_and_kept_with_a_private_key_file() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("tls");
    let first = self_signed(&home).unwrap();
    let second = self_signed(&home).unwrap();
    assert_eq!(first.chain_pem, second.chain_pem);
    let mode = std::fs::metadata(home.join("key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_client_that_trusts_the_file_completes_a_handshake_by_name_and_by_address() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = self_signed(dir.path()).unwrap();
    let server = certificate.server_config(&["http/1.1"]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for item in CertificateDer::pem_file_iter(certificate.chain_path()).unwrap() {
        roots.add(item.unwrap()).unwrap();
    }
    let mut client = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let client = Arc::new(client);
    for name in ["localhost", "127.0.0.1", "::1"] {
        let mut near =
            rustls::ClientConnection::new(Arc::clone(&client), name.try_into().unwrap()).unwrap();
        let mut far = rustls::ServerConnection::new(Arc::clone(&server)).unwrap();
        while near.is_handshaking() || far.is_handshaking() {
            let mut bytes = Vec::new();
            near.write_tls(&mut bytes).unwrap();
            far.read_tls(&mut &bytes[..]).unwrap();
            far.process_new_packets().unwrap();
            bytes.clear();
            far.write_tls(&mut bytes).unwrap();
            near.read_tls(&mut &bytes[..]).unwrap();
            near.process_new_packets().unwrap();
        }
        assert_eq!(far.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
}

#[test]
fn errors_name_the_file_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = self_signed(dir.path()).unwrap();
    let key = dir.path().join("key.pem");

    let missing = load(&dir.path().join("none.pem"), &key).unwrap_err();
    assert!(missing.to_string().contains("none.pem"), "{missing}");

    let swapped = load(&key, certificate.chain_path()).unwrap().server_config(&[]).unwrap_err();
    assert!(swapped.to_string().contains("key.pem` holds no usable certificate"), "{swapped}");

    let other = tempfile::tempdir().unwrap();
    self_signed(other.path()).unwrap();
    let mismatch = load(certificate.chain_path(), &other.path().join("key.pem")).unwrap();
    let mismatch = mismatch.server_config(&[]).unwrap_err();
    assert!(matches!(mismatch, Error::Unusable { .. }), "{mismatch}");
}
