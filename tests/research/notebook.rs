//! The page that leads from a notebook to a plot: its Python runs as it stands, against
//! a station with a month of tests and one of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use trigpoint_lake::Lake;
use trigpoint_testkit::{Directory, Standalone, Stream, run};

use crate::spark::needed;
use crate::world::{Test, World};
use crate::{TRIGPOINT, rows};

const DEADLINE: Duration = Duration::from_mins(5);

#[test]
fn the_python_of_the_page_for_researchers_runs_and_plots() {
    let world = World::of(3000);
    let directory = Directory::new();
    let lake = Lake::open(&directory.join("lake").to_string_lossy()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(rows::write(&lake, &world));
    let flags = ["--query-listen", "127.0.0.1:0", "--test-duration", "2s", "--try"];
    let station =
        Standalone::start_on(Command::new(TRIGPOINT), TRIGPOINT, directory.path(), &flags);
    let endpoint = station.process().line(Stream::Stdout, DEADLINE, |line| {
        let (_, endpoint) = line.split_once("from elsewhere ")?;
        endpoint.split(' ').next().map(str::to_owned)
    });

    fs::write(directory.join("notebook.py"), python()).unwrap();
    let mut command = Command::new(needed("ENGINES_PYTHON"));
    command.arg("notebook.py").current_dir(directory.path());
    command.env("TRIGPOINT_ENDPOINT", endpoint).env("TRIGPOINT_DATA_DIR", directory.path());
    let finished = run(&mut command, DEADLINE);
    finished.expect_code(0);

    let line_of = |network: &str| {
        let mut lines = finished.stdout.lines();
        let line = lines.find(|line| line.contains(&format!("│ {network} ")));
        line.unwrap_or_else(|| panic!("{network} is not in {}", finished.stdout))
    };
    for network in ["Comcast", "Verizon", "TIM", "Vodafone", "Claro"] {
        let of_network = world.tests.iter().filter(|test| {
            test.place.is_some_and(|place| place.as_name == network) && is_plotted(test)
        });
        let count = format!("┆ {} ", of_network.count());
        let line = line_of(network);
        assert!(line.contains(&count), "{count} is not in {line}");
    }
    let stored = world.tests.iter().filter(|test| test.is_download).count() + 1;
    let stored = format!("{stored} downloads, the fastest at");
    assert!(finished.stdout.contains(&stored), "`{stored}` is not in {}", finished.stdout);
    for plot in ["speeds.png", "test.png"] {
        let png = fs::read(directory.join(plot)).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        // To be looked at.
        let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(plot);
        fs::write(&kept, png).unwrap();
        println!("{}", kept.display());
    }
    station.stop();
}

fn is_plotted(test: &Test) -> bool {
    test.is_download && test.is_valid() && test.date.starts_with("2026-11")
}

/// The blocks of the page, one after the other.
fn python() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/research.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```python\n").skip(1);
    let blocks: Vec<_> = blocks.map(|block| block.split("```").next().unwrap()).collect();
    blocks.join("\n")
}
