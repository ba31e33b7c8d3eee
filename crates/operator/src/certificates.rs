//! Certificates for ingest: an authority, the servers' certificates, and the bundle
//! by which stations know them, each renewed long before its end; and the key that
//! signs tokens of synthetic tests, whose public half is in the bundle too.
//!
//! A new authority is in the bundle for a day before it issues, and the one before
//! stays in it, so that at no time a server shows what a station does not know.
//! A chart could not make them: what Helm renders is another one each time.

mod authority;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, ResourceExt as _};
use tracing::info;
use trigpoint_access_token::SigningKey;
use trigpoint_rollout::Time;

use crate::act::{Hands, parameters};
use crate::error::Stop;
use crate::settings::{Certificates, Server};
use crate::{names, time};
use authority::{Authority, Issued};

/// Of an authority.
const AUTHORITY: TimeDelta = TimeDelta::days(365);
/// Of a server's certificate.
const SERVER: TimeDelta = TimeDelta::days(30);
/// How long every station has had a new authority before it issues.
const HEAD_START: TimeDelta = TimeDelta::days(1);
/// Between two looks: how long a Secret that somebody deleted is missed.  A watch would
/// want the right to read every Secret of the namespace.
const PERIOD: TimeDelta = TimeDelta::minutes(1);

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// Of an authority: the certificate of the one before.
const PREVIOUS: &str = "previous.crt";
const BUNDLE: &str = "ca.crt";
/// Of an authority: what signs tokens of synthetic tests.
const SYNTHETIC_KEY: &str = "synthetic.key";
/// Of the bundle: what stations check those tokens by.
pub(crate) const SYNTHETIC_PUBLIC_KEY: &str = "synthetic.pub";
/// Annotation: since when it is valid.
const ISSUED_AT: &str = "trigpoint.dev/issued-at";
/// Annotation of a server's certificate: the names in it, and who issued it.
const ISSUED_FOR: &str = "trigpoint.dev/issued-for";

/// Looks after certificates now and then.
#[derive(Debug)]
pub(crate) struct Keeper<'a> {
    settings: &'a Certificates,
    due: Time,
    /// Namespaces that have the bundle.
    namespaces: BTreeSet<String>,
    signing_key: Option<Arc<SigningKey>>,
}

impl<'a> Keeper<'a> {
    pub(crate) fn new(settings: &'a Certificates) -> Self {
        Self { settings, due: Time::default(), namespaces: BTreeSet::new(), signing_key: None }
    }

    /// Signs tokens of synthetic tests; absent until it was read.
    pub(crate) fn signing_key(&self) -> Option<Arc<SigningKey>> {
        self.signing_key.clone()
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Time {
        self.due
    }

    /// Makes and renews what is due, if it is time to look or there is a new
    /// namespace.
    pub(crate) async fn keep(
        &mut self,
        hands: &Hands,
        namespaces: BTreeSet<String>,
    ) -> Result<(), Stop> {
        let now = Utc::now();
        if now < self.due && namespaces == self.namespaces {
            return Ok(());
        }
        self.due = now + PERIOD;
        let secrets: Api<Secret> = hands.api(&self.settings.namespace);
        let authority = self.authority(hands, &secrets, now).await?;
        let key = SigningKey::from_pem(&authority.synthetic_key).map_err(|error| {
            Stop::Invalid(format!("the Secret `{}` holds {error}", self.settings.authority))
        })?;
        self.signing_key = Some(Arc::new(key));
        let bundle = BTreeMap::from([
            (BUNDLE.to_owned(), authority.bundle()),
            (SYNTHETIC_PUBLIC_KEY.to_owned(), authority.synthetic_public_key()?),
        ]);
        for namespace in &namespaces {
            self.spread(hands, namespace, &bundle).await?;
        }
        self.namespaces = namespaces;
        for server in &self.settings.servers {
            self.issue(hands, &secrets, &authority, server, now).await?;
        }
        Ok(())
    }

    async fn authority(
        &self,
        hands: &Hands,
        secrets: &Api<Secret>,
        now: Time,
    ) -> Result<Authority, Stop> {
        let name = &self.settings.authority;
        let found = read(secrets, name).await?;
        let before = found.as_ref().map(stored).transpose()?;
        if let Some(authority) = before.as_ref().filter(|a| !is_due(a.issued_at, AUTHORITY, now)) {
            return Ok(authority.clone());
        }
        info!(secret = name, "making an authority");
        let made = Authority::make(now, AUTHORITY, before)?;
        let data = [
            (CERTIFICATE, made.certificate.clone()),
            (KEY, made.key.clone()),
            (PREVIOUS, made.previous.clone().unwrap_or_default()),
            (SYNTHETIC_KEY, made.synthetic_key.clone()),
        ];
        let annotations = [(ISSUED_AT, time::to_text(now))];
        write(hands, secrets, name, found, "Opaque", data, annotations).await?;
        Ok(made)
    }

    async fn issue(
        &self,
        hands: &Hands,
        secrets: &Api<Secret>,
        authority: &Authority,
        server: &Server,
        now: Time,
    ) -> Result<(), Stop> {
        let found = read(secrets, &server.secret).await?;
        let issued_for = format!("{} by {}", server.names.join(","), authority.name());
        let is_new = authority.previous.is_some() && now < authority.issued_at + HEAD_START;
        if let Some(secret) = &found {
            let annotation = |name: &str| secret.annotations().get(name).cloned();
            let at = annotation(ISSUED_AT).and_then(|text| time::from_text(&text));
            let is_fresh = at.is_some_and(|at| !is_due(at, SERVER, now));
            let is_same = annotation(ISSUED_FOR).as_ref() == Some(&issued_for);
            if (is_fresh && is_same) || is_new {
                return self.trust(hands, secrets, authority, secret).await;
            }
        }
        info!(secret = server.secret, names = ?server.names, "issuing a certificate");
        let Issued { certificate, key } = authority.issue(&server.names, now, SERVER)?;
        let data = [(CERTIFICATE, certificate), (KEY, key), (BUNDLE, authority.bundle())];
        let annotations = [(ISSUED_AT, time::to_text(now)), (ISSUED_FOR, issued_for)];
        let kind = "kubernetes.io/tls";
        write(hands, secrets, &server.secret, found, kind, data, annotations).await
    }

    /// Beside a server's certificate lies what to trust it by, for whoever asks it
    /// from its own namespace, where the bundle is not.
    async fn trust(
        &self,
        hands: &Hands,
        secrets: &Api<Secret>,
        authority: &Authority,
        secret: &Secret,
    ) -> Result<(), Stop> {
        let bundle = authority.bundle();
        if text(secret, BUNDLE).as_ref() == Some(&bundle) {
            return Ok(());
        }
        let name = secret.name_any();
        let (certificate, key) = (text(secret, CERTIFICATE), text(secret, KEY));
        let data = [
            (CERTIFICATE, certificate.unwrap_or_default()),
            (KEY, key.unwrap_or_default()),
            (BUNDLE, bundle),
        ];
        let kind = "kubernetes.io/tls";
        write(hands, secrets, &name, Some(secret.clone()), kind, data, []).await
    }

    async fn spread(
        &self,
        hands: &Hands,
        namespace: &str,
        bundle: &BTreeMap<String, String>,
    ) -> Result<(), Stop> {
        let name = &self.settings.bundle;
        let api: Api<ConfigMap> = hands.api(namespace);
        let what = || format!("write the bundle `{name}` of `{namespace}`");
        let found = api.get_opt(name).await.map_err(|source| Stop::of(what(), source))?;
        if found.as_ref().is_some_and(|map| map.data.as_ref() == Some(bundle)) {
            return Ok(());
        }
        let is_there = found.is_some();
        let mut map = found.unwrap_or_default();
        map.metadata.name = Some(name.clone());
        map.metadata.managed_fields = None;
        map.labels_mut().insert(names::MANAGED_BY.to_owned(), names::OPERATOR.to_owned());
        map.data = Some(bundle.clone());
        let answer = if is_there {
            hands.turn("replace ConfigMap").await?;
            api.replace(name, &parameters(), &map).await
        } else {
            hands.turn("create ConfigMap").await?;
            api.create(&parameters(), &map).await
        };
        answer.map(drop).map_err(|source| Stop::of(what(), source))
    }
}

/// Two thirds of its time are over.
fn is_due(issued_at: Time, lasts: TimeDelta, now: Time) -> bool {
    now >= issued_at + lasts * 2 / 3
}

fn stored(secret: &Secret) -> Result<Authority, Stop> {
    let issued_at = secret.annotations().get(ISSUED_AT).and_then(|text| time::from_text(text));
    let [certificate, key, synthetic] =
        [CERTIFICATE, KEY, SYNTHETIC_KEY].map(|key| text(secret, key));
    match (certificate, key, synthetic, issued_at) {
        (Some(certificate), Some(key), Some(synthetic_key), Some(issued_at)) => Ok(Authority {
            certificate,
            key,
            previous: text(secret, PREVIOUS).filter(|text| !text.is_empty()),
            issued_at,
            synthetic_key,
        }),
        _ => Err(Stop::Invalid(format!(
            "the Secret `{}` holds no authority of this operator: delete it, and a new one is made",
            secret.name_any()
        ))),
    }
}

fn text(secret: &Secret, key: &str) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(key)?;
    Some(String::from_utf8_lossy(&bytes.0).into_owned())
}

async fn read(secrets: &Api<Secret>, name: &str) -> Result<Option<Secret>, Stop> {
    secrets
        .get_opt(name)
        .await
        .map_err(|source| Stop::of(format!("read the Secret `{name}`"), source))
}

/// Over the version that was read, or where there was none.
async fn write<const D: usize, const A: usize>(
    hands: &Hands,
    secrets: &Api<Secret>,
    name: &str,
    found: Option<Secret>,
    kind: &str,
    data: [(&str, String); D],
    annotations: [(&str, String); A],
) -> Result<(), Stop> {
    let is_there = found.is_some();
    let mut secret = found.unwrap_or_default();
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.managed_fields = None;
    secret.labels_mut().insert(names::MANAGED_BY.to_owned(), names::OPERATOR.to_owned());
    secret.annotations_mut().extend(annotations.map(|(name, value)| (name.to_owned(), value)));
    secret.type_ = Some(kind.to_owned());
    secret.data =
        Some(data.map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes()))).into());
    let answer = if is_there {
        hands.turn("replace Secret").await?;
        secrets.replace(name, &parameters(), &secret).await
    } else {
        hands.turn("create Secret").await?;
        secrets.create(&parameters(), &secret).await
    };
    answer.map(drop).map_err(|source| Stop::of(format!("write the Secret `{name}`"), source))
}
