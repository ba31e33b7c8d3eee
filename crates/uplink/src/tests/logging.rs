//! What a person hears: once per trouble, not once per attempt.

use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};

use super::*;

/// Counts the lines of each level on this thread.
#[derive(Clone, Default)]
struct Lines {
    warnings: Arc<AtomicUsize>,
    information: Arc<AtomicUsize>,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("trigpoint") && *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let lines = match *event.metadata().level() {
            Level::INFO => &self.information,
            _ => &self.warnings,
        };
        lines.fetch_add(1, Ordering::SeqCst);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_collector_that_is_away_is_one_line() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let (pipe, incoming) = pipe();
    drop(incoming);
    let bench = bench(Endpoint::Pipe(pipe));
    let uplink = bench.start();
    status(&uplink, |status| status.failures >= 6).await;
    assert_eq!(lines.warnings.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_collector_that_welcomes_and_goes_is_not_a_line_each_time() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let (mut collector, endpoint) = Collector::in_process();
    let mut bench = bench(endpoint);
    bench.settings.max_backoff = Duration::from_mins(1);
    bench.settings.min_backoff = Duration::from_micros(10);
    let _uplink = bench.start();
    for _ in 0..6 {
        let mut stream = collector.accept().await;
        stream.welcomed().await;
    }
    let count = |lines: &AtomicUsize| lines.load(Ordering::SeqCst);
    assert!(count(&lines.warnings) <= 2, "{}", count(&lines.warnings));
    assert!(count(&lines.information) <= 3, "{}", count(&lines.information));
}
