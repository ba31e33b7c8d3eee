//! The page that leads from a notebook to a plot: its Python runs as it stands.

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use trigpoint_lake::Lake;
use trigpoint_testkit::{Directory, run};

use crate::spark::needed;
use crate::world::World;
use crate::{TRIGPOINT, rows};

const DEADLINE: Duration = Duration::from_mins(5);

#[test]
fn the_python_of_the_page_for_researchers_runs_and_plots() {
    let directory = Directory::new();
    let lake = Lake::open(&directory.join("lake").to_string_lossy()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(rows::write(&lake, &World::of(3000)));

    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/research.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```python\n").skip(1);
    let blocks: Vec<_> = blocks.map(|block| block.split("```").next().unwrap()).collect();
    fs::write(directory.join("notebook.py"), blocks.join("\n")).unwrap();

    let mut path = vec![Path::new(TRIGPOINT).parent().unwrap().to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap()));
    let mut command = Command::new(needed("ENGINES_PYTHON"));
    command.arg("notebook.py").current_dir(directory.path());
    command.env("PATH", env::join_paths(path).unwrap());
    command.env("TRIGPOINT_DATA_DIR", directory.path());
    let finished = run(&mut command, DEADLINE);
    finished.expect_code(0);
    for word in ["Comcast", "median_mbps", "SndCwnd"] {
        assert!(finished.stdout.contains(word), "{}", finished.stdout);
    }
    let plot = fs::read(directory.join("speeds.png")).unwrap();
    assert!(plot.starts_with(b"\x89PNG"));
}
