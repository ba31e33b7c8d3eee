//! Adds to a batch what the databases know of the addresses in it.

use std::collections::HashMap;
use std::iter::repeat_n;
use std::sync::Arc;

use tokio::sync::watch;
use trigpoint_annotation::{Databases, Kind, Snapshot};
use trigpoint_lake::{Description, Sent, Shape};
use trigpoint_record::tables::annotation::{self, CLIENT, DATABASES, End, HOP, Missing, SERVER};
use trigpoint_record::{self as record, Array, Column, Table, Value, Values};

use crate::{metrics::Metrics, settings::Annotation};

mod follow;

/// Fills the columns of [`Column::at_ingest`].
pub(crate) struct Annotator {
    databases: Arc<Databases>,
    metrics: Arc<Metrics>,
}

impl Annotator {
    /// Begins to follow the files, until the collector stops.
    pub(crate) fn start(
        settings: &Annotation,
        metrics: &Arc<Metrics>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let Annotation { databases, reload_interval } = settings.clone();
        let metrics = Arc::clone(metrics);
        let sources = databases.snapshot().sources();
        for (kind, source) in
            [(Kind::Geography, sources.geography), (Kind::Network, sources.network)]
        {
            if let Some(source) = source {
                follow::in_use(kind, &source, &metrics);
            }
        }
        if !databases.is_empty() {
            let (databases, metrics) = (Arc::clone(&databases), Arc::clone(&metrics));
            tokio::spawn(follow::follow(databases, reload_interval, metrics, stopping));
        }
        Self { databases, metrics }
    }

    /// Adds the columns to `sent`, which has `rows` rows of `table` and none of
    /// those columns.  All are of the same databases.
    pub(crate) fn annotate(&self, table: &'static Table, rows: usize, sent: &mut Vec<Sent>) {
        let snapshot = self.databases.snapshot();
        let mut known = Known { snapshot: &snapshot, metrics: &self.metrics, ends: HashMap::new() };
        if let Some(addresses) = annotation::addresses(table) {
            for (name, columns) in addresses.into_iter().zip([CLIENT, SERVER]) {
                let addresses = column(table, name).and_then(|column| array(sent, column));
                let end = |row| known.end(addresses.and_then(|array| array.text(row)));
                let values = (0..rows).map(end).map(|end| end.values().collect());
                let filled = filled(columns, values);
                sent.extend(filled);
            }
        }
        annotate_hops(table, sent, &mut known);
        if table.columns.iter().any(|column| column.id == DATABASES[0].id) {
            let sources: Vec<_> = snapshot.sources().values().collect();
            sent.extend(filled(DATABASES, repeat_n(sources, rows)));
        }
    }
}

/// Adds to each probe of a trace who answered it.
fn annotate_hops(table: &'static Table, sent: &mut [Sent], known: &mut Known<'_>) {
    let Some(probes) = column(table, "probes") else { return };
    let record::Kind::List(item) = probes.kind else { return };
    let record::Kind::Struct(fields) = item.kind else { return };
    let Some(reply_ip) = fields.iter().find(|field| field.name == "reply_ip") else { return };
    let Some(sent) = sent.iter_mut().find(|sent| sent.description.id == probes.id) else { return };
    // What does not look like probes is refused as such when it is converted.
    let Shape::List(item) = &mut sent.description.shape else { return };
    let Shape::Struct(descriptions) = &mut item.shape else { return };
    let Values::List { items, .. } = &mut sent.array.values else { return };
    let (count, Values::Struct(arrays)) = (items.present.len(), &mut items.values) else { return };
    let at = descriptions.iter().position(|description| description.id == reply_ip.id);
    let addresses = at.and_then(|at| arrays.get(at));
    let hop = |probe| match addresses.and_then(|array| array.text(probe)) {
        Some(address) => known.end(Some(address)).hop_values().collect(),
        // A probe without an answer.
        None => vec![Value::Null; HOP.len()],
    };
    let filled = filled(HOP, (0..count).map(hop));
    for Sent { description, array } in filled {
        descriptions.push(description);
        arrays.push(array);
    }
}

/// What was looked up for this batch.
struct Known<'a> {
    snapshot: &'a Snapshot,
    metrics: &'a Metrics,
    ends: HashMap<String, Arc<End>>,
}

impl Known<'_> {
    fn end(&mut self, address: Option<&str>) -> Arc<End> {
        let text = address.unwrap_or_default();
        let end = if let Some(end) = self.ends.get(text) {
            Arc::clone(end)
        } else {
            let end = Arc::new(self.snapshot.end(address));
            self.ends.insert(text.to_owned(), Arc::clone(&end));
            end
        };
        let outcomes = [
            (Kind::Geography, end.geography.as_ref().err()),
            (Kind::Network, end.network.as_ref().err()),
        ];
        for (kind, missing) in outcomes {
            let outcome = missing.copied().map_or("found", Missing::name);
            self.metrics.annotation.addresses.with_label_values(&[kind.name(), outcome]).inc();
        }
        end
    }
}

fn column(table: &'static Table, name: &str) -> Option<&'static Column> {
    table.columns.iter().find(|column| column.name == name)
}

fn array<'a>(sent: &'a [Sent], column: &Column) -> Option<&'a Array> {
    sent.iter().find(|sent| sent.description.id == column.id).map(|sent| &sent.array)
}

/// The columns, as if a station had sent them, with these rows.
fn filled(columns: &'static [Column], rows: impl Iterator<Item = Vec<Value>>) -> Vec<Sent> {
    let mut filled: Vec<_> = columns
        .iter()
        .map(|column| Sent {
            description: Description::from(column),
            array: Array::new(column.kind),
        })
        .collect();
    for row in rows {
        for ((sent, column), value) in filled.iter_mut().zip(columns).zip(row) {
            let pushed = sent.array.push(column, value);
            debug_assert!(pushed.is_ok(), "a value of its own column fits");
        }
    }
    filled
}
