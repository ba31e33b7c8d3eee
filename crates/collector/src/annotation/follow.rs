//! Notices that a file of addresses was replaced.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use tokio::{sync::watch, time::sleep};
use trigpoint_annotation::{Databases, Kind, Reload};
use trigpoint_record::tables::annotation::Source;

use crate::metrics::Metrics;

/// Looks at the files after every interval, until the collector stops.
///
/// Their names, sizes and times are asked for, which also works for volumes of
/// Kubernetes and network file systems, where notifications do not.
pub(crate) async fn follow(
    databases: Arc<Databases>,
    interval: Duration,
    metrics: Arc<Metrics>,
    mut stopping: watch::Receiver<bool>,
) {
    let rounds = async {
        loop {
            sleep(interval).await;
            let databases = Arc::clone(&databases);
            let reloads = tokio::task::spawn_blocking(move || databases.reload()).await;
            for reload in reloads.unwrap_or_default() {
                tell(&reload, &metrics);
            }
        }
    };
    tokio::select! {
        () = rounds => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

fn tell(reload: &Reload, metrics: &Metrics) {
    let Reload { kind, path, outcome } = reload;
    let kind_name = kind.name();
    let word = if outcome.is_ok() { "replaced" } else { "failed" };
    metrics.annotation.reloads.with_label_values(&[kind_name, word]).inc();
    match outcome {
        Ok(source) => {
            tracing::info!(?path, "the database was replaced");
            in_use(*kind, source, metrics);
        }
        Err(error) => {
            tracing::warn!(%error, "the database that was there before stays in use");
        }
    }
}

/// Tells which database rows are annotated from now on.
pub(super) fn in_use(kind: Kind, source: &Source, metrics: &Metrics) {
    let Source { name, build_time } = source;
    let built = build_time.and_then(DateTime::from_timestamp_micros);
    tracing::info!(kind = kind.name(), name, ?built, "database of addresses");
    let seconds = built.map_or(0, |built| built.timestamp());
    metrics.annotation.build_time.with_label_values(&[kind.name()]).set(seconds);
}
