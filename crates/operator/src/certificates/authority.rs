//! The authority itself: keys and signatures.

use chrono::{Datelike as _, TimeDelta};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, date_time_ymd,
};
use trigpoint_rollout::Time;

use crate::error::Stop;
use crate::{names, time};

/// An authority with its key, in PEM format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) certificate: String,
    pub(super) key: String,
    /// The certificate of the one before, which is trusted as long as this one is.
    pub(super) previous: Option<String>,
    pub(super) issued_at: Time,
    /// Signs tokens of synthetic tests.  It outlives authorities: a station would
    /// refuse a token until the new one had reached its file.
    pub(super) synthetic_key: String,
}

/// A server's certificate with its key, in PEM format.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn make(now: Time, lasts: TimeDelta, before: Option<Self>) -> Result<Self, Stop> {
        let pair = KeyPair::generate().map_err(failed)?;
        let certificate = parameters(now, lasts)?.self_signed(&pair).map_err(failed)?;
        let (previous, synthetic_key) = if let Some(before) = before {
            (Some(before.certificate), before.synthetic_key)
        } else {
            let synthetic = KeyPair::generate_for(&PKCS_ED25519).map_err(failed)?;
            (None, synthetic.serialize_pem())
        };
        Ok(Self {
            certificate: certificate.pem(),
            key: pair.serialize_pem(),
            previous,
            issued_at: now,
            synthetic_key,
        })
    }

    /// By it stations know synthetic tests.
    pub(super) fn synthetic_public_key(&self) -> Result<String, Stop> {
        Ok(KeyPair::from_pem(&self.synthetic_key).map_err(failed)?.public_key_pem())
    }

    /// All that stations trust.
    pub(super) fn bundle(&self) -> String {
        format!("{}{}", self.certificate, self.previous.as_deref().unwrap_or_default())
    }

    /// Ten digits that tell it from others.
    pub(super) fn name(&self) -> String {
        names::digest(&self.certificate)
    }

    /// A certificate for a server with these names.
    pub(super) fn issue(
        &self,
        names: &[String],
        now: Time,
        lasts: TimeDelta,
    ) -> Result<Issued, Stop> {
        let signer = KeyPair::from_pem(&self.key).map_err(failed)?;
        // Of the authority's own parameters its name counts, which is in its time.
        let of_authority = parameters(self.issued_at, lasts)?;
        let issuer = Issuer::from_params(&of_authority, signer);
        let pair = KeyPair::generate().map_err(failed)?;
        let mut parameters = CertificateParams::new(names.to_vec()).map_err(failed)?;
        valid(&mut parameters, now, lasts);
        parameters.use_authority_key_identifier_extension = true;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if let Some(name) = names.first() {
            parameters.distinguished_name.push(DnType::CommonName, name);
        }
        let certificate = parameters.signed_by(&pair, &issuer).map_err(failed)?;
        Ok(Issued { certificate: certificate.pem(), key: pair.serialize_pem() })
    }
}

fn parameters(issued_at: Time, lasts: TimeDelta) -> Result<CertificateParams, Stop> {
    let mut parameters = CertificateParams::new(Vec::new()).map_err(failed)?;
    valid(&mut parameters, issued_at, lasts);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Two authorities of one name would be taken for each other.
    let name = format!("Trigpoint authority of {}", time::to_text(issued_at));
    parameters.distinguished_name.push(DnType::CommonName, name);
    Ok(parameters)
}

/// From the day before, since clocks differ, to the day after the last.
fn valid(parameters: &mut CertificateParams, from: Time, lasts: TimeDelta) {
    let day = |time: Time| date_time_ymd(time.year(), time.month() as u8, time.day() as u8);
    parameters.not_before = day(from - TimeDelta::days(1));
    parameters.not_after = day(from + lasts + TimeDelta::days(1));
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: rcgen::Error) -> Stop {
    Stop::Invalid(format!("a certificate cannot be made: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier as _;
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
    use trigpoint_access_token::{Claims, Purpose, SigningKey, VerifyingKey, sign, verify};

    use super::*;

    const NAME: &str = "collector.trigpoint.svc";

    /// As a station does it that trusts a bundle.
    fn is_trusted(bundle: &str, issued: &Issued, name: &str, at: Time) -> bool {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let certificate = CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at.timestamp() as u64));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&certificate, &[], &name, &[], at).is_ok()
    }

    fn day(days: i64) -> Time {
        time::from_text("2026-11-27T08:00:00.5Z").unwrap() + TimeDelta::days(days)
    }

    #[test]
    fn a_certificate_is_trusted_by_its_name_in_its_time_and_by_its_authority_alone() {
        let lasts = TimeDelta::days(365);
        let authority = Authority::make(day(0), lasts, None).unwrap();
        let names = [NAME.to_owned()];
        let issued = authority.issue(&names, day(10), TimeDelta::days(30)).unwrap();
        let bundle = authority.bundle();
        assert!(is_trusted(&bundle, &issued, NAME, day(10)));
        assert!(is_trusted(&bundle, &issued, NAME, day(39)));
        assert!(!is_trusted(&bundle, &issued, NAME, day(50)));
        assert!(!is_trusted(&bundle, &issued, "other.trigpoint.svc", day(10)));
        let other = Authority::make(day(0), lasts, None).unwrap();
        assert!(!is_trusted(&other.bundle(), &issued, NAME, day(10)));
    }

    #[test]
    fn through_a_change_of_authority_old_and_new_certificates_are_trusted() {
        let lasts = TimeDelta::days(365);
        let names = [NAME.to_owned()];
        let old = Authority::make(day(0), lasts, None).unwrap();
        let shown = old.issue(&names, day(240), TimeDelta::days(30)).unwrap();
        let new = Authority::make(day(244), lasts, Some(old)).unwrap();
        let bundle = new.bundle();
        assert!(is_trusted(&bundle, &shown, NAME, day(244)));
        let renewed = new.issue(&names, day(246), TimeDelta::days(30)).unwrap();
        assert!(is_trusted(&bundle, &renewed, NAME, day(246)));
    }

    #[test]
    fn a_token_of_the_key_is_good_at_stations_also_after_a_change_of_authority() {
        let lasts = TimeDelta::days(365);
        let old = Authority::make(day(0), lasts, None).unwrap();
        let known = VerifyingKey::from_pem(&old.synthetic_public_key().unwrap()).unwrap();
        let new = Authority::make(day(244), lasts, Some(old)).unwrap();
        let key = SigningKey::from_pem(&new.synthetic_key).unwrap();
        let purpose = Purpose::SyntheticTest;
        let claims = Claims { purpose, audience: "station-1".to_owned(), expires_s: 60 };
        let token = sign(&key, &claims);
        assert_eq!(verify(&known, &token, purpose, "station-1", 59), Ok(()));
    }
}
