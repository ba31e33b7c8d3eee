//! Files by which a server is believed: those of an authority that is made for one test.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::Directory;

/// A server's certificate and key and its authority's certificate, in PEM format.
#[derive(Debug)]
pub struct Certificates {
    /// What a client is to trust.
    pub authority: PathBuf,
    /// What the server shows.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

impl Certificates {
    /// For a server of these names; the files are in `directory`.
    #[track_caller]
    pub fn make(directory: &Directory, names: &[&str]) -> Self {
        let made = issue(names).unwrap_or_else(|error| panic!("cannot make certificates: {error}"));
        let [authority, certificate, key] =
            ["authority.pem", "certificate.pem", "key.pem"].map(|name| directory.join(name));
        for (path, text) in [&authority, &certificate, &key].into_iter().zip(made) {
            fs::write(path, text)
                .unwrap_or_else(|error| panic!("write `{}`: {error}", path.display()));
        }
        Self { authority, certificate, key }
    }
}

/// Authority, certificate and key.
fn issue(names: &[&str]) -> Result<[String; 3], rcgen::Error> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(DnType::CommonName, "authority of a test");
    let signer = KeyPair::generate()?;
    let trusted = authority.self_signed(&signer)?;
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut server = CertificateParams::new(names)?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::from_params(&authority, signer))?;
    Ok([trusted.pem(), certificate.pem(), key.serialize_pem()])
}
