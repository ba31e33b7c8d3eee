//! What suites need beyond Rust and a C compiler, installed once into a cache
//! outside of the clone.

mod kubernetes;

pub(crate) use kubernetes::{helm, kubernetes};

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{cargo, output_quietly, program, root, run};

/// Versions of the real peers (shared facts: they are what the field runs).
const NDT7_CLIENT: &str = "0.3.1";
const NDT7_JS: &str = "@m-lab/ndt7@0.1.4";
const PLAYWRIGHT: &str = "playwright-core@1.64.1";
/// Free databases of addresses, of one day: 11 MB of countries, 85 MB of networks.
const ADDRESSES: [&str; 2] = [
    "@ip-location-db/geo-whois-asn-country-mmdb@2.3.2026061719",
    "@ip-location-db/asn@2.3.2026061719",
];
const ENGINES: [&str; 9] = [
    "polars==2.1.0",
    "deltalake==1.6.6",
    "pyarrow==26.0.1",
    "duckdb==2.0.1",
    "pytz==2026.6",
    "chdb==4.4.0",
    "pyspark==4.0.1",
    "matplotlib==3.11.2",
    "adbc-driver-flightsql==1.13.0",
];
/// JSON schemas of every kind of Kubernetes, and a strict validator.
const KUBERNETES_SCHEMAS: [&str; 1] = ["kubernetes-validate==1.37.0"];
const FLIGHT_SQL_JDBC: (&str, &str) = (
    "org.apache.arrow:flight-sql-jdbc-driver:18.3.0",
    "org/apache/arrow/flight-sql-jdbc-driver/18.3.0/flight-sql-jdbc-driver-18.3.0.jar",
);
const DELTA_SPARK: &str = "io.delta:delta-spark_2.13:4.0.0";
const DELTA_SPARK_JARS: [&str; 3] = [
    "io/delta/delta-spark_2.13/4.0.0/delta-spark_2.13-4.0.0.jar",
    "io/delta/delta-storage/4.0.0/delta-storage-4.0.0.jar",
    "org/antlr/antlr4-runtime/4.13.1/antlr4-runtime-4.13.1.jar",
];
/// Of the Hadoop that Spark brings, and the SDK of its pom.
const HADOOP_AWS: [(&str, &str); 2] = [
    (
        "org.apache.hadoop:hadoop-aws:3.4.1",
        "org/apache/hadoop/hadoop-aws/3.4.1/hadoop-aws-3.4.1.jar",
    ),
    (
        "software.amazon.awssdk:bundle:2.24.6",
        "software/amazon/awssdk/bundle/2.24.6/bundle-2.24.6.jar",
    ),
];
const CARGO_FUZZ: &str = "0.13.2";
const VERSITYGW: &str = "v1.8.0";

/// `$TRIGPOINT_CACHE`, or `~/.cache/trigpoint`.
pub(crate) fn cache() -> Result<PathBuf> {
    let folder = std::env::var_os("TRIGPOINT_CACHE")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache/trigpoint")))
        .context("find the tool cache: set TRIGPOINT_CACHE or HOME")?;
    fs::create_dir_all(&folder).with_context(|| format!("create `{}`", folder.display()))?;
    Ok(folder)
}

/// Both executables, in a profile of Cargo's.
pub(crate) fn build_executables(profile: &str) -> Result<()> {
    let build = ["build", "--workspace", "--bins", "--locked", "--quiet", "--profile", profile];
    run(&mut cargo(&build))
}

/// Where Cargo puts the executables of a profile: for this machine's target,
/// which `.cargo/config.toml` names.
pub(crate) fn built(profile: &str) -> Result<PathBuf> {
    let said = output_quietly(&mut program("rustc", &["-vV"]))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("find the host in what `rustc -vV` says")?;
    let folder_of_profile = if profile == "dev" { "debug" } else { profile };
    Ok(target().join(host).join(folder_of_profile))
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// M-Lab's Rust client; the path of its executable.
pub(crate) fn ndt7_client() -> Result<PathBuf> {
    cargo_tool("ndt7-client", NDT7_CLIENT)
}

/// The fuzzer's driver; the path of its executable.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    cargo_tool("cargo-fuzz", CARGO_FUZZ)
}

/// A real S3 server over a directory; the path of its executable.
pub(crate) fn versitygw() -> Result<PathBuf> {
    go_tool("versitygw", "github.com/versity/versitygw/cmd/versitygw", VERSITYGW)
}

/// M-Lab's browser client and the driver of a browser; their `node_modules`.
pub(crate) fn browser_modules() -> Result<PathBuf> {
    let folder = cache()?.join("node");
    let modules = folder.join("node_modules");
    if !modules.join("@m-lab/ndt7").exists() || !modules.join("playwright-core").exists() {
        fs::create_dir_all(&folder).with_context(|| format!("create `{}`", folder.display()))?;
        let mut npm = program("npm", &["install", "--no-audit", "--no-fund", NDT7_JS, PLAYWRIGHT]);
        run(npm.arg("--prefix").arg(&folder))?;
    }
    Ok(modules)
}

/// Free databases of addresses; their `node_modules`.
pub(crate) fn address_modules() -> Result<PathBuf> {
    let folder = cache()?.join("addresses");
    let installed = folder.join("installed");
    let wanted = ADDRESSES.join("\n");
    if !fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        fs::create_dir_all(&folder).with_context(|| format!("create `{}`", folder.display()))?;
        let mut npm = program("npm", &["install", "--no-audit", "--no-fund", "--prefix"]);
        run(npm.arg(&folder).args(ADDRESSES))?;
        fs::write(&installed, wanted)
            .with_context(|| format!("write `{}`", installed.display()))?;
    }
    Ok(folder.join("node_modules"))
}

/// Other engines for Delta tables; the path of their Python.
pub(crate) fn engines() -> Result<PathBuf> {
    python("engines", &ENGINES)
}

/// Kubernetes' schemas; the path of their Python.
pub(crate) fn kubernetes_schemas() -> Result<PathBuf> {
    python("kubernetes-schemas", &KUBERNETES_SCHEMAS)
}

/// Packages of Python in an environment of their own; the path of its Python.
fn python(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = cache()?.join(name);
    let python = folder.join("bin/python");
    let installed = folder.join("installed");
    let wanted = packages.join("\n");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if run(program("python3", &["-m", "venv"]).arg(&folder)).is_err() {
        debian(&[("python3-venv", "python3-venv")])?;
        run(program("python3", &["-m", "venv"]).arg(&folder))?;
    }
    let mut pip = Command::new(&python);
    run(pip.args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    fs::write(&installed, wanted).with_context(|| format!("write `{}`", installed.display()))?;
    Ok(python)
}

/// What Spark needs to read Delta tables; the paths with commas between.
pub(crate) fn delta_spark() -> Result<String> {
    let repository = maven_repository()?;
    let jars = DELTA_SPARK_JARS.map(|jar| repository.join(jar));
    if !jars.iter().all(|jar| jar.exists()) {
        let artifact = format!("-Dartifact={DELTA_SPARK}");
        run(&mut program("mvn", &["-q", "dependency:get", &artifact]))?;
    }
    Ok(with_commas(&jars))
}

/// What Spark needs beside it for a bucket: 559 MB.
pub(crate) fn spark_on_s3() -> Result<String> {
    let repository = maven_repository()?;
    for (artifact, jar) in HADOOP_AWS {
        if !repository.join(jar).exists() {
            let artifact = format!("-Dartifact={artifact}");
            // Spark has the rest of what they depend on.
            let alone = "-Dtransitive=false";
            run(&mut program("mvn", &["-q", "dependency:get", alone, &artifact]))?;
        }
    }
    Ok(with_commas(&HADOOP_AWS.map(|(_, jar)| repository.join(jar))))
}

/// Arrow's JDBC driver, all that it needs within; the path of its jar.
pub(crate) fn flight_sql_jdbc() -> Result<PathBuf> {
    let (artifact, jar) = FLIGHT_SQL_JDBC;
    let jar = maven_repository()?.join(jar);
    if !jar.exists() {
        let (artifact, alone) = (format!("-Dartifact={artifact}"), "-Dtransitive=false");
        run(&mut program("mvn", &["-q", "dependency:get", alone, &artifact]))?;
    }
    Ok(jar)
}

fn maven_repository() -> Result<PathBuf> {
    let home = std::env::home_dir().context("find Maven's repository: set HOME")?;
    Ok(home.join(".m2/repository"))
}

fn with_commas(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join(",")
}

/// Debian packages, unless every one of their executables is there.
pub(crate) fn debian(packages: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|(executable, _)| !on_path(executable))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    run(&mut program("apt-get", &["update", "-qq"]))?;
    let mut install = program("apt-get", &["install", "-y", "-qq", "--no-install-recommends"]);
    run(install.args(missing).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn on_path(executable: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(executable).exists())
    })
}

fn go_tool(name: &str, package: &str, version: &str) -> Result<PathBuf> {
    let bin = cache()?.join("tools/bin");
    let executable = bin.join(name);
    if !executable.exists() {
        let mut install = program("go", &["install", &format!("{package}@{version}")]);
        run(install.env("GOBIN", &bin).env("CGO_ENABLED", "0"))?;
    }
    Ok(executable)
}

fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    let tools = cache()?.join("tools");
    let executable = tools.join("bin").join(name);
    if !executable.exists() {
        let mut install = cargo(&["install", name, "--version", version, "--locked", "--quiet"]);
        // Its own target folder: our features are not its features.
        run(install.arg("--root").arg(&tools).env("CARGO_TARGET_DIR", tools.join("build")))?;
        fs::remove_dir_all(tools.join("build")).ok();
    }
    Ok(executable)
}
