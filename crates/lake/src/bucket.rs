//! The object stores of clouds: S3 and whatever speaks its protocol, and
//! Google Cloud Storage.
//!
//! Commits rest on put-if-absent (`If-None-Match: *`, or generation 0), so no
//! lock service is needed and several collectors may write the same tables.

use std::sync::Arc;
use std::time::Duration;

use object_store::ClientConfigKey::{AllowHttp, ConnectTimeout, Timeout};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use url::Url;

mod credentials_file;

/// Until a connection stands.  `AWS_CONNECT_TIMEOUT` and
/// `GOOGLE_CONNECT_TIMEOUT` override it.
const CONNECT_WITHIN: &str = "5 seconds";
/// A whole request, body and answer.  After an outage one file may hold all that
/// waited in a collector's memory, some 30 MB: 60 s let it pass at 4 Mbit/s, and
/// a store that hangs fails the commit after that time.  `AWS_TIMEOUT` and
/// `GOOGLE_TIMEOUT` override it.
const REQUEST_WITHIN: &str = "60 seconds";

/// Name and value of an environment variable.
pub(crate) type Variable = (String, String);

/// What the environment says about clouds: the one place that reads it, since
/// these names belong to them and every tool of theirs knows them.
pub(crate) fn environment() -> Vec<Variable> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        // A manifest that leaves a setting empty means that there is none.
        .filter(|(name, value)| {
            !value.is_empty()
                && (name == "HOME" || name.starts_with("AWS_") || name.starts_with("GOOGLE_"))
        })
        .collect()
}

/// The store of a bucket, or why its settings make no sense.
pub(crate) fn open(url: &Url, environment: &[Variable]) -> Result<Arc<dyn ObjectStore>, String> {
    let failed = |error: object_store::Error| error.to_string();
    if url.scheme() == "gs" {
        return Ok(Arc::new(gcs(url, environment).build().map_err(failed)?));
    }
    Ok(Arc::new(s3(url, environment)?.build().map_err(failed)?))
}

fn s3(url: &Url, environment: &[Variable]) -> Result<AmazonS3Builder, String> {
    let mut builder = AmazonS3Builder::new()
        .with_config(AmazonS3ConfigKey::Client(ConnectTimeout), CONNECT_WITHIN)
        .with_config(AmazonS3ConfigKey::Client(Timeout), REQUEST_WITHIN);
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let set = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).is_some();
    if !set(&builder, AmazonS3ConfigKey::AccessKeyId)
        && !set(&builder, AmazonS3ConfigKey::WebIdentityTokenFile)
        && let Some(keys) = credentials_file::read(environment)?
    {
        builder = builder
            .with_access_key_id(keys.access_key_id)
            .with_secret_access_key(keys.secret_access_key);
        if let Some(token) = keys.session_token {
            builder = builder.with_token(token);
        }
    }
    let value = |key| builder.get_config_value(&key).unwrap_or_default();
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint].map(value);
    if endpoint.iter().find(|url| !url.is_empty()).is_some_and(|url| url.starts_with("http://"))
        && value(AmazonS3ConfigKey::Client(AllowHttp)) != "true"
    {
        return Err("its endpoint has no TLS: set AWS_ALLOW_HTTP=true if that is meant".to_owned());
    }
    Ok(builder
        .with_url(url.as_str())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(retries()))
}

fn gcs(url: &Url, environment: &[Variable]) -> GoogleCloudStorageBuilder {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_config(GoogleConfigKey::Client(ConnectTimeout), CONNECT_WITHIN)
        .with_config(GoogleConfigKey::Client(Timeout), REQUEST_WITHIN);
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with("GOOGLE_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    builder.with_url(url.as_str()).with_retry(retries())
}

/// Errors of the connection, 429 and 5xx are tried again for half a minute: a
/// hiccup is nobody's business.  Then the commit fails, the collector says so,
/// and the stations keep what they have.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 20,
        retry_timeout: Duration::from_secs(30),
    }
}

#[cfg(test)]
mod tests;
