//! What is in the image: two static executables, the certificates of the
//! world's authorities, a user, and a place for temporary files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::megabytes;
use crate::command::{cargo, program, run, run_quietly};
use crate::tools;

const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// For programs that ask who they are.
const USERS: &str = "root:x:0:0:root:/:/sbin/nologin\n\
                     nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n";
const GROUPS: &str = "root:x:0:\nnonroot:x:65532:\n";

/// Builds the executables and makes the image's root in `folder`.
pub(crate) fn make(folder: &Path, profile: &str, executables: &[&str]) -> Result<()> {
    tools::debian(&[("objcopy", "binutils"), (CERTIFICATES, "ca-certificates")])?;
    // Of the whole workspace, so that features are those of every other build.
    let mut build = cargo(&["build", "--workspace", "--locked", "--quiet", "--profile", profile]);
    for name in executables {
        build.args(["--bin", name]);
    }
    run(&mut build)?;

    for name in ["usr/bin", "etc/ssl/certs", "tmp"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).with_context(|| format!("create `{}`", path.display()))?;
    }
    let built = tools::built(profile)?;
    for name in executables {
        let (from, to) = (built.join(name), folder.join("usr/bin").join(name));
        // Symbols stay, for the names in a panic's backtrace.
        run_quietly(program("objcopy", &["--strip-debug"]).arg(&from).arg(&to))?;
        let (before, after) = (megabytes(&from)?, megabytes(&to)?);
        println!("{name}: {after:.1} MB, without {:.1} MB of debug information", before - after);
    }
    let certificates = folder.join(CERTIFICATES.trim_start_matches('/'));
    fs::copy(CERTIFICATES, certificates).with_context(|| format!("copy `{CERTIFICATES}`"))?;
    write(&folder.join("etc/passwd"), USERS)?;
    write(&folder.join("etc/group"), GROUPS)?;
    let temporary = folder.join("tmp");
    fs::set_permissions(&temporary, Permissions::from_mode(0o1777))
        .with_context(|| format!("let everybody write in `{}`", temporary.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write `{}`", path.display()))
}
