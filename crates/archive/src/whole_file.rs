//! A file that appears when it is complete, and not at all before.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// A file in the making.  It lies beside its place under another name, which
/// starts with a dot and ends in `.partial`, and is deleted when this is dropped
/// before [`WholeFile::finish`].
#[derive(Debug)]
pub struct WholeFile {
    output: BufWriter<File>,
    partial: TempPath,
    place: PathBuf,
    replaces: bool,
}

/// A file that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is one, and nobody said that it may go.
    #[error("`{}` exists; add --force to replace it", .0.display())]
    Exists(PathBuf),
    /// A directory, a device, a pipe: nothing that a new file could replace.
    #[error("`{}` is no regular file; write to `-` and redirect that", .0.display())]
    NotAFile(PathBuf),
    /// The operating system refuses.
    #[error("cannot write `{}`: {source}", path.display())]
    System {
        /// Where the file was to be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl WholeFile {
    /// Begins a file at `path`, of which nothing is seen yet.  Where it `replaces`
    /// nothing, a file that exists is an error; now or at the end.
    pub fn create(path: &Path, replaces: bool) -> Result<Self, FileError> {
        let failed = |source| FileError::System { path: path.to_owned(), source };
        // A link keeps its place, what it points to is replaced.
        let place = match fs::canonicalize(path) {
            Ok(existing) if !existing.is_file() => {
                return Err(FileError::NotAFile(path.to_owned()));
            }
            Ok(_) if !replaces => return Err(FileError::Exists(path.to_owned())),
            Ok(existing) => existing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(failed(error)),
        };
        let Some(name) = place.file_name() else {
            return Err(FileError::NotAFile(path.to_owned()));
        };
        let folder = match place.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".");
        let file = Builder::new()
            .prefix(&hidden)
            .suffix(".partial")
            // As for any new file: the umask takes from it.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            // tempfile's own errors name the temporary file.
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    failed(io::Error::new(error.kind(), "its directory does not exist"))
                }
                kind => failed(kind.into()),
            })?;
        let (file, partial) = file.into_parts();
        Ok(Self { output: BufWriter::new(file), partial, place, replaces })
    }

    /// Puts the file in its place, on the disk as a whole; returns its bytes.
    pub fn finish(self) -> Result<u64, FileError> {
        let Self { output, partial, place, replaces } = self;
        let failed = |source| FileError::System { path: place.clone(), source };
        let file = output.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let put =
            if replaces { partial.persist(&place) } else { partial.persist_noclobber(&place) };
        put.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists(place.clone()),
            _ => failed(error.error),
        })?;
        Ok(bytes)
    }

    /// Where it will be.
    pub fn place(&self) -> &Path {
        &self.place
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_appears_whole_at_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        let mut file = WholeFile::create(&path, false).unwrap();
        file.write_all(b"a,b\n").unwrap();
        assert!(!path.exists());
        assert_eq!(file.finish().unwrap(), 4);
        assert_eq!(fs::read(&path).unwrap(), b"a,b\n");
        assert_eq!(names(&directory), ["out.csv"]);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        let plain = directory.path().join("plain");
        fs::write(&plain, "").unwrap();
        assert_eq!(mode, fs::metadata(&plain).unwrap().permissions().mode());
    }

    #[test]
    fn nothing_is_left_of_a_file_that_was_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = WholeFile::create(&directory.path().join("out.csv"), false).unwrap();
        file.write_all(&vec![0; 100_000]).unwrap();
        assert_eq!(names(&directory).len(), 1);
        drop(file);
        assert!(names(&directory).is_empty());
    }

    #[test]
    fn an_existing_file_is_replaced_only_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.csv");
        let early = WholeFile::create(&path, false).unwrap();
        fs::write(&path, "mine").unwrap();
        assert!(matches!(WholeFile::create(&path, false), Err(FileError::Exists(_))));
        assert!(matches!(early.finish(), Err(FileError::Exists(_))), "it came meanwhile");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        let mut file = WholeFile::create(&path, true).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine", "as long as there is no new one");
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(&directory), ["out.csv"]);
    }

    #[test]
    fn a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut file = WholeFile::create(&link, true).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn what_is_no_file_is_refused_and_what_cannot_be_is_named() {
        let directory = tempfile::tempdir().unwrap();
        for path in [Path::new("/dev/null"), directory.path(), Path::new("/")] {
            let refused = WholeFile::create(path, true);
            assert!(matches!(refused, Err(FileError::NotAFile(_))), "{}", path.display());
        }
        let nowhere = directory.path().join("none").join("out.csv");
        let error = WholeFile::create(&nowhere, false).unwrap_err().to_string();
        assert!(error.contains("none/out.csv`: its directory does not exist"), "{error}");
    }
}
