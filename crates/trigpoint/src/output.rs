//! Where a result goes: to stdout, or to a file that is whole or not there.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::anyhow;
use tokio::signal::unix::{SignalKind, signal};
use trigpoint_archive::{FileError, WholeFile};
use trigpoint_lake::{Answer, Format, FormatError};
use trigpoint_process::Failure;

/// Takes one result.
pub(crate) enum Output {
    Stdout(Stdout),
    File(WholeFile),
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self::Stdout(Stdout { inner: BufWriter::new(io::stdout()), reader_left: false })
    }

    /// A file, or stdout for `-`; an existing one is replaced if that is wanted.
    pub(crate) fn at(path: &Path, replaces: bool) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::stdout());
        }
        WholeFile::create(path, replaces).map(Self::File).map_err(Failure::usage)
    }

    /// Writes an answer: the number of rows.
    pub(crate) async fn write(
        mut self,
        answer: Answer,
        format: Format,
    ) -> Result<Written, Failure> {
        let written = match &mut self {
            Self::Stdout(output) => trigpoint_lake::write(answer, format, output).await,
            Self::File(output) => trigpoint_lake::write(answer, format, output).await,
        };
        match (self, written) {
            // The encoders of Arrow and Parquet hide the kind of an output's error.
            (Self::Stdout(output), _) if output.reader_left => Ok(Written::default()),
            (_, Err(FormatError::Query(error))) => Err(error.into()),
            (Self::File(file), Err(error)) => {
                let unwritten = format!("`{}` was not written", file.place().display());
                Err(anyhow!(error).context(unwritten).into())
            }
            (Self::Stdout(_), Err(error)) => Err(error.into()),
            (output, Ok(rows)) => Ok(Written { rows, bytes: output.finish()? }),
        }
    }

    /// Writes text.
    pub(crate) fn print(mut self, text: &str) -> Result<Written, Failure> {
        let written = match &mut self {
            Self::Stdout(output) => output.write_all(text.as_bytes()),
            Self::File(output) => output.write_all(text.as_bytes()),
        };
        match (self, written) {
            (Self::File(file), Err(source)) => {
                Err(FileError::System { path: file.place().to_owned(), source }.into())
            }
            (Self::Stdout(_), Err(error)) => Err(error.into()),
            (output, Ok(())) => Ok(Written { rows: 0, bytes: output.finish()? }),
        }
    }

    fn finish(self) -> Result<u64, Failure> {
        match self {
            Self::File(file) => Ok(file.finish()?),
            Self::Stdout(mut output) => {
                let flushed = output.flush();
                if !output.reader_left {
                    flushed?;
                }
                Ok(0)
            }
        }
    }
}

/// What a result came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    /// Of a file.
    pub(crate) bytes: u64,
}

/// Does the work, unless a signal ends it: then what is unfinished is dropped, and
/// with it a file in the making.
pub(crate) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    tokio::select! {
        done = work => done,
        _ = interrupted.recv() => Err(anyhow!(INTERRUPTED).into()),
        _ = terminated.recv() => Err(anyhow!(INTERRUPTED).into()),
        _ = hung_up.recv() => Err(anyhow!(INTERRUPTED).into()),
    }
}

const INTERRUPTED: &str = "interrupted before the end; no file was written";

/// Standard output that remembers whether its reader went away.
pub(crate) struct Stdout {
    inner: BufWriter<io::Stdout>,
    reader_left: bool,
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.reader_left |= is_broken_pipe(&result);
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.reader_left |= is_broken_pipe(&result);
        result
    }
}

fn is_broken_pipe<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
