//! A certificate for a station without one of its own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::{CertificateParams, DnType, KeyPair};

use super::{Certificate, Error, load};
use crate::host;

const CHAIN: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// The key is written first: a certificate on disk always has its key.
pub(super) fn load_or_make(dir: &Path) -> Result<Certificate, Error> {
    let (chain, key) = (dir.join(CHAIN), dir.join(KEY));
    if !chain.exists() {
        let pair = KeyPair::generate()?;
        let certificate = parameters()?.self_signed(&pair)?;
        fs::create_dir_all(dir).map_err(|source| Error::Write { path: dir.into(), source })?;
        write(&key, 0o600, &pair.serialize_pem())?;
        write(&chain, 0o644, &certificate.pem())?;
    }
    load(&chain, &key)
}

fn parameters() -> Result<CertificateParams, Error> {
    let host = host::Host::read().name;
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(host::outbound_addresses().iter().map(ToString::to_string));
    if !host.is_empty() && !names.contains(&host) {
        names.push(host);
    }
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, "Trigpoint station (self-signed)");
    Ok(parameters)
}

/// Whole or not at all: a torn file would lock the station out of its own certificate.
fn write(path: &Path, mode: u32, text: &str) -> Result<(), Error> {
    let temporary = path.with_extension("pem.new");
    let attempt = || -> io::Result<()> {
        // A mode given at creation only: a file left by a crash goes first.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    attempt().map_err(|source| Error::Write { path: path.into(), source })
}
