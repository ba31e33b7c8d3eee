//! Signing and checking.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::{Claims, Purpose, SigningKey, VerifyingKey};

/// `alg` of RFC 8037; there is no choice, so that nobody can make a bad one.
const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;
/// Far above any real one: it comes from the network.
const LONGEST: usize = 4096;

/// Why a token is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is no JWT, or its claims are others.
    #[error("the token is none of this kind")]
    Malformed,
    /// Somebody else signed it, or it was changed.
    #[error("the token was not signed with the key that is known here")]
    Signature,
    /// It is for another station.
    #[error("the token is for another station")]
    Audience,
    /// It is for something else.
    #[error("the token is for another purpose")]
    Purpose,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

/// A token with these claims.
pub fn sign(key: &SigningKey, claims: &Claims) -> String {
    // Texts and numbers: serialising them cannot fail.
    let claims = serde_json::to_vec(claims).unwrap_or_default();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.0.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Whether `token` is good for this purpose at this station and time, in seconds
/// since the Unix epoch.
pub fn verify(
    key: &VerifyingKey,
    token: &str,
    purpose: Purpose,
    audience: &str,
    now_s: u64,
) -> Result<(), Invalid> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
    }
    if token.len() > LONGEST {
        return Err(Invalid::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Invalid::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid::Malformed);
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| Invalid::Malformed)?;
    if header.alg != "EdDSA" {
        return Err(Invalid::Malformed);
    }
    // Before anything of it is believed.
    let verified = key.0.verify(signed.as_bytes(), &decode(signature)?);
    verified.map_err(|_| Invalid::Signature)?;
    let claims: Claims =
        serde_json::from_slice(&decode(claims)?).map_err(|_| Invalid::Malformed)?;
    if claims.purpose != purpose {
        return Err(Invalid::Purpose);
    }
    if claims.audience != audience {
        return Err(Invalid::Audience);
    }
    if claims.expires_s <= now_s {
        return Err(Invalid::Expired);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 1, in PKCS #8 and SubjectPublicKeyInfo.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
        -----END PUBLIC KEY-----\n";
    const POD: &str = "edge-0123456789-x7k2p";
    const NOW: u64 = 1_795_600_000;

    fn claims() -> Claims {
        Claims { purpose: Purpose::SyntheticTest, audience: POD.to_owned(), expires_s: NOW + 60 }
    }

    fn token(claims: &Claims) -> String {
        sign(&SigningKey::from_pem(PRIVATE).unwrap(), claims)
    }

    fn check(token: &str) -> Result<(), Invalid> {
        let key = VerifyingKey::from_pem(PUBLIC).unwrap();
        verify(&key, token, Purpose::SyntheticTest, POD, NOW)
    }

    #[test]
    fn a_token_is_good_for_its_station_until_it_expires() {
        assert_eq!(check(&token(&claims())), Ok(()));
        let late = Claims { expires_s: NOW, ..claims() };
        assert_eq!(check(&token(&late)), Err(Invalid::Expired));
        let other = Claims { audience: "another".to_owned(), ..claims() };
        assert_eq!(check(&token(&other)), Err(Invalid::Audience));
    }

    /// The published form: what a station of another version was given.
    #[test]
    fn the_form_is_that_of_the_rfc() {
        let token = token(&claims());
        let parts: Vec<&str> = token.split('.').collect();
        let text = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(text(parts[0]), HEADER);
        let expected = format!(r#"{{"sub":"synthetic-test","aud":"{POD}","exp":1795600060}}"#);
        assert_eq!(text(parts[1]), expected);
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[2]).unwrap().len(), 64);
    }

    #[test]
    fn nobody_without_the_key_can_make_or_change_one() {
        let token = token(&claims());
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(check(&changed).is_err(), "changed at {at}");
        }
        let (signed, _) = token.rsplit_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let claims = signed.split_once('.').unwrap().1;
        for forged in [
            format!("{signed}."),
            format!("{none}.{claims}."),
            signed.to_owned(),
            String::new(),
            "..".to_owned(),
            "x".repeat(LONGEST + 1),
        ] {
            assert!(check(&forged).is_err(), "{forged}");
        }
    }

    proptest::proptest! {
        /// Behind the real header, so that more than the first part is looked at.
        #[test]
        fn what_anybody_may_send_is_refused(text in "(?s).{0,200}", claims in "[-_A-Za-z0-9.]{0,200}") {
            let header = URL_SAFE_NO_PAD.encode(HEADER);
            for token in [text, format!("{header}.{claims}"), format!("{header}.{claims}.AA")] {
                proptest::prop_assert!(check(&token).is_err());
            }
        }
    }

    #[test]
    fn a_file_without_a_key_is_told_how_to_get_one() {
        for text in ["", "garbage", PRIVATE] {
            let error = VerifyingKey::from_pem(text).unwrap_err();
            assert!(error.to_string().contains("openssl pkey -pubout"), "{error}");
        }
        assert!(SigningKey::from_pem(PUBLIC).is_err());
        let pair = SigningKey::from_pem(PRIVATE).unwrap();
        assert!(!format!("{pair:?}").contains("9d61"));
    }
}
