//! Keys in AWS's shared credentials file, which object_store does not read.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>: sections
//! are profiles, lines are `name = value`.  A Kubernetes secret mounted as such
//! a file serves, too.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::Variable;

/// What a profile holds.
pub(super) struct Keys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: Option<String>,
}

/// The keys of profile `$AWS_PROFILE` (or `default`) in
/// `$AWS_SHARED_CREDENTIALS_FILE` (or `~/.aws/credentials`); `None` when neither
/// variable is set and there are no such file and profile.
pub(super) fn read(environment: &[Variable]) -> Result<Option<Keys>, String> {
    let variable = |wanted: &str| {
        environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let named = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let asked_for = named.is_some() || variable("AWS_PROFILE").is_some();
    let profile = variable("AWS_PROFILE").unwrap_or("default");
    let usual = || variable("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
    let Some(path) = named.or_else(usual) else { return Ok(None) };
    let shown = path.display();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !asked_for => return Ok(None),
        Err(error) => return Err(format!("cannot read its credentials in `{shown}`: {error}")),
    };
    match keys(&text, profile) {
        None if asked_for => {
            Err(format!("profile `{profile}` of `{shown}` lacks an access key or its secret"))
        }
        keys => Ok(keys),
    }
}

fn keys(text: &str, profile: &str) -> Option<Keys> {
    let mut inside = false;
    let (mut access_key_id, mut secret_access_key, mut session_token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = section.trim() == profile;
        } else if inside && let Some((name, value)) = line.split_once('=') {
            let value = Some(value.trim().to_owned());
            match name.trim() {
                "aws_access_key_id" => access_key_id = value,
                "aws_secret_access_key" => secret_access_key = value,
                "aws_session_token" => session_token = value,
                _ => {}
            }
        }
    }
    Some(Keys {
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        session_token,
    })
}
