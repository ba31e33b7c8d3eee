//! Where the executables under test are.

use std::path::{Path, PathBuf};

/// The executable `name` in the directory of another one.
///
/// Cargo names only the executables of a suite's own package
/// (`CARGO_BIN_EXE_…`); `cargo test --workspace` builds the others beside them.
#[track_caller]
pub fn beside(executable: &str, name: &str) -> PathBuf {
    let path = Path::new(executable).with_file_name(name);
    assert!(
        path.is_file(),
        "`{}` is not built: run `cargo build --workspace`, or test with `cargo test --workspace`",
        path.display()
    );
    path
}
