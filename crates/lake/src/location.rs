//! Where a lake is: a directory, or a prefix in a bucket.

use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

use crate::{DurableStore, Error, bucket};

/// The object store that a lake's location lies in, and the URL of the lake's
/// root there, with a slash at its end.
///
/// A location is a directory (its path, or a `file://` URL), `s3://BUCKET/PREFIX`
/// or `gs://BUCKET/PREFIX`.  Nothing is read and nothing is asked over the
/// network, but for settings and credentials of a bucket, which come from the
/// environment (`AWS_…`, `GOOGLE_…`) and the files that it names.  Paths in the
/// store start at the root of the file system or bucket.
///
/// # Errors
/// [`Error::Location`] when the location or the settings make no sense.
pub fn store_at(location: &str) -> Result<(Arc<dyn ObjectStore>, Url), Error> {
    let refused =
        |reason: &str| Error::Location { location: location.to_owned(), reason: reason.to_owned() };
    if !location.contains("://") {
        return directory(FilePath::new(location)).map_err(|reason| refused(&reason));
    }
    let url = Url::parse(location).map_err(|error| refused(&error.to_string()))?;
    match url.scheme() {
        "file" => {
            let path =
                url.to_file_path().map_err(|()| refused("the URL names no local directory"))?;
            directory(&path).map_err(|reason| refused(&reason))
        }
        "s3" | "gs" => in_bucket(url),
        _ => Err(refused("only directories and file://, s3:// and gs:// URLs are supported")),
    }
}

/// A directory that need not exist.
fn directory(path: &FilePath) -> Result<(Arc<dyn ObjectStore>, Url), String> {
    let path = std::path::absolute(path).map_err(|error| error.to_string())?;
    if path.exists() && !path.is_dir() {
        return Err("it is a file, not a directory".to_owned());
    }
    let url = Url::from_directory_path(&path).map_err(|()| "the path is not absolute")?;
    Ok((Arc::new(DurableStore::new(path)), url))
}

fn in_bucket(mut url: Url) -> Result<(Arc<dyn ObjectStore>, Url), Error> {
    let secret = !url.username().is_empty() || url.password().is_some();
    if secret {
        // Not even the error may show them.
        let _ = url.set_password(None);
        let _ = url.set_username("");
    }
    let location = url.to_string();
    let refused =
        |reason: &str| Error::Location { location: location.clone(), reason: reason.to_owned() };
    if secret {
        return Err(refused("credentials come from the environment or from files, not in the URL"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refused("it names no bucket"));
    }
    if url.port().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(refused("a location is SCHEME://BUCKET/PREFIX and nothing else"));
    }
    let prefix = Path::from_url_path(url.path()).map_err(|error| refused(&error.to_string()))?;
    let store = bucket::open(&url, &bucket::environment()).map_err(|reason| refused(&reason))?;
    let path = if prefix.as_ref().is_empty() { "/".to_owned() } else { format!("/{prefix}/") };
    url.set_path(&path);
    Ok((store, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(location: &str) -> String {
        store_at(location).unwrap_err().to_string()
    }

    #[test]
    fn a_directory_and_a_prefix_in_a_bucket_are_roots_with_a_slash() {
        let root = |location| store_at(location).unwrap().1.to_string();
        assert_eq!(root("/srv/lake"), "file:///srv/lake/");
        assert_eq!(root("file:///srv/lake"), "file:///srv/lake/");
        assert_eq!(root("s3://bucket"), "s3://bucket/");
        assert_eq!(root("s3://bucket/some/prefix"), "s3://bucket/some/prefix/");
        assert_eq!(root("s3://bucket/prefix/"), "s3://bucket/prefix/");
    }

    #[test]
    fn what_is_no_location_is_refused_with_the_reason() {
        for (location, reason) in [
            ("http://bucket/x", "only directories and file://, s3:// and gs:// URLs are supported"),
            ("s3:///prefix", "it names no bucket"),
            ("s3://bucket/x?versionId=1", "a location is SCHEME://BUCKET/PREFIX and nothing else"),
            ("s3://bucket/a//b", "Path \"/a//b\" contained empty path segment"),
        ] {
            let refusal = refusal(location);
            assert!(refusal.ends_with(reason), "{refusal}");
        }
    }

    #[test]
    fn a_secret_in_a_url_is_refused_and_not_repeated() {
        let refusal = refusal("s3://key:hidden@bucket/x");
        assert!(refusal.contains("not in the URL") && !refusal.contains("hidden"), "{refusal}");
    }
}
