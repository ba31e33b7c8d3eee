//! The long-running parts of the cluster: started in their network, with a log
//! and a record of their number, and watched until the cluster is up.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use super::network::within;

/// How often a condition is tried.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) struct Processes {
    layout: Layout,
    started: Vec<(String, Child)>,
}

impl Processes {
    pub(crate) fn new(layout: &Layout) -> Result<Self> {
        for folder in [layout.logs(), layout.processes()] {
            fs::create_dir_all(&folder)
                .with_context(|| format!("create `{}`", folder.display()))?;
        }
        Ok(Self { layout: layout.clone(), started: Vec::new() })
    }

    /// Starts one that outlives this program and its terminal.
    pub(crate) fn start(
        &mut self,
        name: &str,
        namespace: &str,
        executable: &Path,
        arguments: &[String],
    ) -> Result<()> {
        let path = self.layout.logs().join(format!("{name}.log"));
        let log = File::create(&path).with_context(|| format!("create `{}`", path.display()))?;
        let errors = log.try_clone().with_context(|| format!("open `{}`", path.display()))?;
        // nsenter becomes what it starts, so this is the number of that.
        let child = within(namespace, &executable.to_string_lossy())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start `{name}`"))?;
        let record = self.layout.processes().join(name);
        fs::write(&record, format!("{}\n", child.id()))
            .with_context(|| format!("write `{}`", record.display()))?;
        self.started.push((name.to_owned(), child));
        Ok(())
    }

    /// Tries `condition` until it holds; an error after `deadline`, or as soon
    /// as one of the processes has ended.
    pub(crate) fn until(
        &mut self,
        what: &str,
        deadline: Duration,
        mut condition: impl FnMut() -> bool,
    ) -> Result<()> {
        let start = Instant::now();
        while !condition() {
            self.expect_all()?;
            if start.elapsed() > deadline {
                bail!("not within {deadline:?}: {what}; logs: {}", self.layout.logs().display());
            }
            std::thread::park_timeout(PAUSE);
        }
        Ok(())
    }

    fn expect_all(&mut self) -> Result<()> {
        for (name, child) in &mut self.started {
            if let Some(status) =
                child.try_wait().with_context(|| format!("look after `{name}`"))?
            {
                let path = self.layout.logs().join(format!("{name}.log"));
                let log = fs::read_to_string(&path).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                let last: Vec<&str> = last.into_iter().rev().collect();
                bail!("`{name}` ended with {status}; {}:\n{}", path.display(), last.join("\n"));
            }
        }
        Ok(())
    }
}
