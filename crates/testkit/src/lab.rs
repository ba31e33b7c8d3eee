//! A network of our own, in a user and network namespace: no root needed.
//!
//! `unshare(CLONE_NEWUSER)` fails in a threaded process, and libtest is
//! threaded. So a lab test starts its own executable again under `unshare`,
//! which is single-threaded, to run the one test inside of the namespaces.

use std::env;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};

use crate::Directory;

mod counters;
mod emulated;
mod engine;
mod link;
mod namespace;
pub mod path;
mod routers;
mod topology;

pub use counters::{Amount, Counters, DirectionCounters};
pub use emulated::Emulated;
pub use link::{Link, Shaper};
pub use namespace::Namespace;
pub use routers::{Balancing, Behaviour, Routers};
pub use topology::{Node, Plan, Topology};

/// Set in the process that runs inside of the namespaces: for a test, the file in
/// which it leaves a proof that it was found and passed.
const PROOF: &str = "TRIGPOINT_LAB_PROOF";

/// Two labs at once would disturb each other's timing.
static ONE_LAB: Mutex<()> = Mutex::new(());

/// Runs `body` inside of new namespaces; `test` is the test function's full name,
/// as `cargo test -- --list` prints it.
#[track_caller]
pub fn inside(test: &str, body: impl FnOnce()) {
    inside_of(USER_NAMESPACE, test, body);
}

/// The same without a user namespace, for programs that are at home nowhere but in the
/// first one, such as those that drop privileges: needs root.
#[track_caller]
pub fn inside_as_root(test: &str, body: impl FnOnce()) {
    assert!(rustix::process::geteuid().is_root(), "`{test}` needs root, to start other programs");
    inside_of(&[], test, body);
}

#[track_caller]
fn inside_of(user_namespace: &[&str], test: &str, body: impl FnOnce()) {
    if let Some(proof) = env::var_os(PROOF) {
        prepare();
        body();
        std::fs::write(&proof, test).unwrap_or_else(|error| panic!("{}: {error}", proof.display()));
        return;
    }
    let _turn = ONE_LAB.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = Directory::new();
    let proof = directory.join("proof");
    let output = again(user_namespace, &proof)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .output()
        .unwrap_or_else(|error| panic!("{NO_UNSHARE}: {error}"));
    show(&output.stdout);
    show(&output.stderr);
    assert!(output.status.success(), "`{test}` failed in the lab: {}", output.status);
    // libtest calls it a success when no test has that name.
    assert!(proof.exists(), "there is no test `{test}` in this executable");
}

/// For a program that is no test: runs it again, with its arguments, inside of new
/// namespaces and says how that ended; `None` to the copy, which does the work.
#[track_caller]
pub fn run_again_inside() -> Option<ExitStatus> {
    if env::var_os(PROOF).is_some() {
        prepare();
        return None;
    }
    let status = again(USER_NAMESPACE, Path::new("")).args(env::args_os().skip(1)).status();
    Some(status.unwrap_or_else(|error| panic!("{NO_UNSHARE}: {error}")))
}

const NO_UNSHARE: &str = "cannot run `unshare` (package util-linux)";
const USER_NAMESPACE: &[&str] = &["--user", "--map-root-user"];

/// This executable in new namespaces, still without its arguments.
#[track_caller]
fn again(user_namespace: &[&str], proof: &Path) -> Command {
    let this = env::current_exe().unwrap_or_else(|error| panic!("who am I? {error}"));
    let mut command = Command::new("unshare");
    command.args(user_namespace).args(["--net", "--mount"]).arg(this).env(PROOF, proof);
    command
}

/// Indented, so that whoever counts results does not count the inner run's too.
#[expect(clippy::print_stdout, reason = "a test's output, which libtest shows or keeps")]
fn show(output: &[u8]) {
    for line in String::from_utf8_lossy(output).lines() {
        println!("    {line}");
    }
}

/// A private `/run` for named namespaces, and the loopback interface.
fn prepare() {
    execute("mount", "-t tmpfs tmpfs /run");
    execute("mkdir", "/run/netns");
    execute("ip", "link set lo up");
}

/// Runs a command of the lab's own set-up, given as one string without quoting.
#[track_caller]
fn execute(program: &str, arguments: &str) {
    run(Command::new(program).args(arguments.split_whitespace()));
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
}
