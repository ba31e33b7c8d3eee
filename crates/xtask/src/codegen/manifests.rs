//! `manifests/` from `charts/`, for people without Helm.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{output, root};
use crate::tools;

/// Release name, chart, further arguments, and the file that is made of it.
const RENDERED: &[(&str, &str, &[&str], &str)] = &[
    ("trigpoint-crds", "charts/trigpoint-crds", &[], "2-definitions.yaml"),
    (
        "trigpoint",
        "charts/trigpoint",
        &["--values", "charts/trigpoint/ci/quick-start-values.yaml"],
        "3-trigpoint.yaml",
    ),
];

const HEADER: &str = "# Generated from charts/ by `cargo xtask codegen`; edit the charts.\n";

pub(crate) fn write() -> Result<()> {
    let helm = tools::helm()?.join("helm");
    for (release, chart, arguments, file) in RENDERED {
        let mut template = Command::new(&helm);
        template.current_dir(root()).args(["template", release, chart]);
        // The test of a release is Helm's to run.
        template.args(["--namespace", "trigpoint", "--skip-tests"]).args(*arguments);
        let rendered = output(&mut template)?;
        let path = root().join("manifests").join(file);
        fs::write(&path, format!("{HEADER}{}\n", rendered.trim_end()))
            .with_context(|| format!("write `{}`", path.display()))?;
    }
    Ok(())
}
