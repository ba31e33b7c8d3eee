//! A certificate that is read again when its files were replaced.
//!
//! Whoever renews certificates writes files (cert-manager, certbot, the kubelet for
//! a Secret) and signals nobody; a station that had to start again for it would cut
//! off tests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::{Certificate, Error, load};

/// At most so often, and only when a client comes, the files are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What clients are shown: the newest certificate that was whole.
#[derive(Debug)]
pub(super) struct Rotating {
    look_every: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What the files held when they were looked at last.
    seen: Certificate,
    looked: Instant,
    /// They could not be read then.
    is_unreadable: bool,
    shown: Arc<CertifiedKey>,
}

impl Rotating {
    pub(super) fn new(certificate: Certificate, look_every: Duration) -> Result<Self, Error> {
        let shown = Arc::new(certificate.certified_key()?);
        let looked = Instant::now();
        let state = State { seen: certificate, looked, is_unreadable: false, shown };
        Ok(Self { look_every, state: Mutex::new(state) })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= self.look_every {
            state.looked = Instant::now();
            state.look();
        }
        Arc::clone(&state.shown)
    }
}

impl State {
    /// Two files are not replaced at once: what does not fit together now may do so
    /// the next time, and is told once.
    fn look(&mut self) {
        let path = self.seen.chain_path.clone();
        let found = match load(&path, &self.seen.key_path) {
            Ok(found) => found,
            Err(error) => {
                if !std::mem::replace(&mut self.is_unreadable, true) {
                    warn!(%error, "the certificate stays as it was");
                }
                return;
            }
        };
        self.is_unreadable = false;
        if found.chain_pem == self.seen.chain_pem && found.key_pem == self.seen.key_pem {
            return;
        }
        match found.certified_key() {
            Ok(shown) => {
                info!(path = %path.display(), "the certificate was replaced");
                self.shown = Arc::new(shown);
            }
            Err(error) => warn!(%error, "the certificate stays as it was"),
        }
        self.seen = found;
    }
}

impl ResolvesServerCert for Rotating {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::self_signed;
    use super::*;

    fn leaf(rotating: &Rotating) -> Vec<u8> {
        rotating.current().cert[0].to_vec()
    }

    fn replace(file: &str, from: &Path, to: &Path) {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }

    #[test]
    fn a_replaced_certificate_is_shown_once_it_fits_its_key() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let rotating = Rotating::new(self_signed(old.path()).unwrap(), Duration::ZERO).unwrap();
        let before = leaf(&rotating);
        let expected = self_signed(new.path()).unwrap().certified_key().unwrap().cert[0].to_vec();
        assert_ne!(before, expected);

        replace("certificate.pem", new.path(), old.path());
        assert_eq!(leaf(&rotating), before, "its key is not there yet");
        replace("key.pem", new.path(), old.path());
        assert_eq!(leaf(&rotating), expected);

        fs::write(old.path().join("certificate.pem"), "garbage").unwrap();
        assert_eq!(leaf(&rotating), expected);
        fs::remove_file(old.path().join("key.pem")).unwrap();
        assert_eq!(leaf(&rotating), expected);
    }

    #[test]
    fn the_files_are_not_looked_at_for_each_client() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let hour = Duration::from_hours(1);
        let rotating = Rotating::new(self_signed(old.path()).unwrap(), hour).unwrap();
        let before = leaf(&rotating);
        self_signed(new.path()).unwrap();
        for file in ["certificate.pem", "key.pem"] {
            replace(file, new.path(), old.path());
        }
        assert_eq!(leaf(&rotating), before);
    }
}
