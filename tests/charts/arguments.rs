//! The programs know the arguments that the chart gives them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use trigpoint_testkit::{beside, run};

use crate::render::{cases, objects, pod};

/// The executable of the image, as `cargo xtask prove` has just built it: cargo tells
/// its path only to suites of its own package.
fn trigpoint() -> PathBuf {
    let suite = std::env::current_exe().unwrap();
    beside(suite.parent().unwrap().to_str().unwrap(), "trigpoint")
}

/// `--help` at the end: what comes before is read and found wrong, and nothing is run.
#[test]
fn the_programs_know_each_argument_and_can_read_its_value() {
    let trigpoint = trigpoint();
    let mut tried = 0;
    for case in cases() {
        for object in objects(&case) {
            let containers = pod(&object).into_iter().flat_map(|pod| {
                ["initContainers", "containers"]
                    .into_iter()
                    .filter_map(move |members| pod[members].as_array())
                    .flatten()
            });
            for container in containers {
                let arguments = container["args"].as_array().unwrap().iter();
                let mut command = Command::new(&trigpoint);
                command.args(arguments.map(|argument| argument.as_str().unwrap())).arg("--help");
                let finished = run(&mut command, Duration::from_secs(10));
                let (case, name) = (case.display(), &container["name"]);
                assert_eq!(finished.code(), Some(0), "{name} of {case}: {}", finished.stderr);
                tried += 1;
            }
        }
    }
    assert!(tried > 10, "{tried}");
}
