use AmazonS3ConfigKey as Key;

use super::*;

fn environment(variables: &[(&str, &str)]) -> Vec<Variable> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn s3_with(variables: &[(&str, &str)]) -> AmazonS3Builder {
    s3(&url("s3://bucket/prefix"), &environment(variables)).unwrap()
}

fn value(builder: &AmazonS3Builder, key: Key) -> Option<String> {
    builder.get_config_value(&key)
}

#[test]
fn the_environment_sets_keys_region_endpoint_and_timeouts() {
    let builder = s3_with(&[
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_REGION", "eu-north-1"),
        ("AWS_ENDPOINT_URL", "https://store.example"),
        ("AWS_TIMEOUT", "7 seconds"),
        ("AWS_PAGER", "less"),
    ]);
    let is = |key, wanted: &str| assert_eq!(value(&builder, key).as_deref(), Some(wanted));
    is(Key::AccessKeyId, "id");
    is(Key::SecretAccessKey, "secret");
    is(Key::Token, "token");
    is(Key::Region, "eu-north-1");
    is(Key::Endpoint, "https://store.example");
    is(Key::Client(Timeout), "7 seconds");
    is(Key::Client(ConnectTimeout), CONNECT_WITHIN);
}

#[test]
fn put_if_absent_cannot_be_switched_off() {
    let builder = s3_with(&[("AWS_CONDITIONAL_PUT", "disabled")]);
    assert_eq!(value(&builder, Key::ConditionalPut).as_deref(), Some("etag"));
}

#[test]
fn a_web_identity_goes_before_a_credentials_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials");
    std::fs::write(&file, "[default]\naws_access_key_id=a\naws_secret_access_key=b\n").unwrap();
    let builder = s3_with(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/lake"),
        ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()),
    ]);
    let token = value(&builder, Key::WebIdentityTokenFile);
    assert_eq!(token.as_deref(), Some("/var/run/secrets/token"));
    assert_eq!(
        value(&builder, Key::RoleArn).as_deref(),
        Some("arn:aws:iam::123456789012:role/lake")
    );
    assert_eq!(value(&builder, Key::AccessKeyId), None);
}

#[test]
fn a_credentials_file_gives_the_keys_of_the_profile() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("credentials");
    let text = "# ours\n[default]\naws_access_key_id = a\naws_secret_access_key = b=\n\n\
                [lake]\naws_access_key_id=c\naws_secret_access_key=d\naws_session_token=e\n\
                [broken]\naws_access_key_id=f\n";
    std::fs::write(&file, text).unwrap();
    let named = ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
    let keys = |builder: &AmazonS3Builder| {
        [Key::AccessKeyId, Key::SecretAccessKey, Key::Token].map(|key| value(builder, key))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(keys(&s3_with(&[named])), [some("a"), some("b="), None]);
    let profile = s3_with(&[named, ("AWS_PROFILE", "lake")]);
    assert_eq!(keys(&profile), [some("c"), some("d"), some("e")]);

    let broken = environment(&[named, ("AWS_PROFILE", "broken")]);
    let refusal = s3(&url("s3://bucket"), &broken).unwrap_err();
    assert!(refusal.starts_with("profile `broken` of"), "{refusal}");
    let missing = environment(&[("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")]);
    let refusal = s3(&url("s3://bucket"), &missing).unwrap_err();
    assert!(refusal.starts_with("cannot read its credentials in `/nowhere"), "{refusal}");
}

#[test]
fn an_endpoint_without_tls_has_to_be_meant() {
    let plain = ("AWS_ENDPOINT_URL", "http://127.0.0.1:7070");
    let refusal = s3(&url("s3://bucket"), &environment(&[plain])).unwrap_err();
    assert!(refusal.contains("AWS_ALLOW_HTTP=true"), "{refusal}");
    s3_with(&[plain, ("AWS_ALLOW_HTTP", "true")]);
}

#[test]
fn a_google_service_account_file_is_read() {
    let missing = environment(&[("GOOGLE_SERVICE_ACCOUNT", "/nowhere/account.json")]);
    let refusal = open(&url("gs://bucket/prefix"), &missing).unwrap_err();
    assert!(refusal.contains("/nowhere/account.json"), "{refusal}");
}
