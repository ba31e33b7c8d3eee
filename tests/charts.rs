//! The chart `charts/trigpoint`: every case of its `ci/` folder in Helm 3 and 4,
//! against Kubernetes' schemas and in a real API server; what it refuses; the rights
//! that it grants; whether the programs know their arguments; and the documents that speak of its alerts and of conditions.
//!
//! `cargo xtask prove charts`.

#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

#[path = "charts/accepted.rs"]
mod accepted;
#[path = "charts/admission.rs"]
mod admission;
#[path = "charts/arguments.rs"]
mod arguments;
#[path = "charts/cases.rs"]
mod cases;
#[path = "charts/documents.rs"]
mod documents;
#[path = "charts/render.rs"]
mod render;
#[path = "charts/rights.rs"]
mod rights;
#[path = "charts/values.rs"]
mod values;
