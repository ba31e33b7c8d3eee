//! Why the lake could not be opened, written or loaded.

use std::path::PathBuf;

use deltalake::DeltaTableError;

/// A failed operation on the lake.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The location is neither a directory nor the URL of one or of a bucket, or
    /// its settings make no sense.
    #[error("cannot open a lake at `{location}`: {reason}")]
    Location {
        /// As it was given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A directory of the lake could not be used.
    #[error("cannot {operation} {}: {source}", path.display())]
    Directory {
        /// What was tried.
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The Delta log could not be read or written.
    #[error("cannot {operation} table {table}: {source}")]
    Delta {
        /// What was tried.
        operation: &'static str,
        /// On which table.
        table: &'static str,
        /// Delta's answer.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// An object could not be written.
    #[error("cannot write `{path}`: {source}")]
    Object {
        /// Path below the store's root.
        path: String,
        /// The store's answer.
        source: object_store::Error,
    },
    /// The store is out of reach, or refuses what a lake needs.
    #[error("cannot {operation} the lake at {location}: {reason}")]
    Store {
        /// What was tried.
        operation: &'static str,
        /// The lake's root.
        location: String,
        /// The store's answer, in one line.
        reason: String,
    },
    /// The store overwrites what it was told to leave: two commits could
    /// replace each other.
    #[error(
        "{location} lies in a store that ignores put-if-absent (`If-None-Match: *`), which would \
         corrupt the tables: use a store that honours it, such as AWS S3, Google Cloud Storage, \
         MinIO, Ceph, Cloudflare R2 or versitygw"
    )]
    NotExclusive {
        /// The lake's root.
        location: String,
    },
    /// What is in the log may be gone after a power cut, so nothing was said of it.
    #[error("cannot make sure that `{path}` is on the disk: {source}")]
    Sync {
        /// Path below the lake's root.
        path: String,
        /// The store's answer.
        source: object_store::Error,
    },
    /// An object could not be read, or a folder not listed.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// Path below the lake's root.
        path: String,
        /// The store's answer.
        source: object_store::Error,
    },
    /// A stored column has another type than this version gives it.
    #[error(
        "column `{column}` of table {table} is stored as {stored}, this version writes {written}: \
         use the version that made the table, or another data directory"
    )]
    Incompatible {
        /// The table.
        table: &'static str,
        /// Path of the column, dots between struct fields.
        column: String,
        /// Type in the lake.
        stored: String,
        /// Type in this program.
        written: String,
    },
    /// Rows could not be encoded as Parquet.
    #[error("cannot encode rows of table {table}: {reason}")]
    Encode {
        /// The table.
        table: &'static str,
        /// Parquet's or Arrow's answer.
        reason: String,
    },
    /// Files of a table could not be read, merged or written again; the table
    /// is as it was.
    #[error("cannot rewrite files of table {table}: {reason}")]
    Rewrite {
        /// The table.
        table: &'static str,
        /// What was in the way.
        reason: String,
    },
    /// Objects of a table could not be listed or deleted.
    #[error("cannot {operation} objects of table {table}: {source}")]
    Objects {
        /// What was tried.
        operation: &'static str,
        /// The table.
        table: &'static str,
        /// The store's answer.
        source: object_store::Error,
    },
    /// Rivals kept winning; nothing of the group is committed, try again later.
    #[error("table {table} is contended: {attempts} commits in a row were refused")]
    Contended {
        /// The table.
        table: &'static str,
        /// Commits that were tried.
        attempts: u32,
    },
}

impl Error {
    /// The error with its causes, in one line.
    pub fn line(&self) -> String {
        in_one_line(self)
    }

    pub(crate) fn read(path: &object_store::path::Path) -> impl Fn(object_store::Error) -> Self {
        let path = path.to_string();
        move |source| Self::Read { path: path.clone(), source }
    }

    pub(crate) fn delta(
        operation: &'static str,
        table: &'static str,
    ) -> impl Fn(DeltaTableError) -> Self {
        move |source| Self::Delta { operation, table, source: Box::new(source) }
    }
}

/// An error with those of its causes that it does not quote itself; of an XML
/// answer only what it says.
pub(crate) fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut line = without_xml(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = without_xml(&error.to_string());
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

/// `…<Error><Code>NoSuchBucket</Code><Message>It is not there</Message>…` as
/// `…NoSuchBucket: It is not there`; white space becomes single spaces.
fn without_xml(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    let Some((before, _)) = text.split_once('<') else { return text };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{before}{code}: {message}"),
        (Some(code), None) => format!("{before}{code}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_xml_answer_only_its_words_are_kept() {
        let answer = "403 Forbidden: <?xml version=\"1.0\"?>\n<Error><Code>InvalidAccessKeyId\
                      </Code><Message>There is none\n such</Message><Id>7</Id></Error>";
        assert_eq!(without_xml(answer), "403 Forbidden: InvalidAccessKeyId: There is none such");
        assert_eq!(without_xml("a < b"), "a < b");
    }

    #[test]
    fn causes_are_said_once() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let source = object_store::Error::Generic { store: "S3", source: Box::new(refused) };
        let error = Error::Object { path: "a/b".to_owned(), source };
        assert_eq!(error.line(), "cannot write `a/b`: Generic S3 error: connection refused");
    }
}
