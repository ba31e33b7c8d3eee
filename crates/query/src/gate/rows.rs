//! The SQL that finds the tests which count.

use chrono::{DateTime, TimeDelta, Utc};
use trigpoint_record::tables::speed_tests::SYNTHETIC_CLIENT_NAME;
use trigpoint_wire::gate::Metric;

use super::question::{Baseline, BaselineKind, Question};

/// How long before the window the first test of a machine with the new revision is
/// looked for: a wave that bakes for longer has no tests before it to compare with.
const CHANGED_WITHIN: TimeDelta = TimeDelta::days(7);
/// A test is in the partition of the day on which its connection opened.
const OPENED_BEFORE: TimeDelta = TimeDelta::days(1);

/// A row for each test: which side it is of, whether it was the operator's, its stratum
/// and value, and the hash by which it is in a sample or not.
pub(super) fn sql(question: &Question) -> String {
    let Measure { value, condition, of_flows } = measure(question.metric);
    let (changed, which) = which(question);
    let flows = if of_flows { " JOIN flows AS f ON f.flow_id = t.flow_id" } else { "" };
    let is_synthetic = format!("coalesce(t.client_name, '') = {}", text(SYNTHETIC_CLIENT_NAME));
    let mut conditions = vec![days("t.", question), condition.to_owned(), which];
    if of_flows {
        conditions.push(days("f.", question));
    }
    if !question.counts_synthetic_tests {
        conditions.push(format!("NOT ({is_synthetic})"));
    }
    if !question.sites.is_empty() {
        let sites: Vec<_> = question.sites.iter().map(|site| text(site)).collect();
        conditions.push(format!("t.site IN ({})", sites.join(", ")));
    }
    let stratum = match kind(question) {
        None | Some(BaselineKind::Stable) => "''",
        Some(BaselineKind::SameSite) => "coalesce(t.site, '')",
        Some(BaselineKind::Previous) => "coalesce(t.machine, '')",
    };
    let conditions = conditions.join(" AND ");
    format!(
        "SELECT t.arm = 'canary' AS is_candidate, {is_synthetic} AS is_synthetic, \
         arrow_cast({stratum}, 'Utf8') AS stratum, CAST({value} AS DOUBLE) AS value, \
         arrow_cast(md5(t.flow_id), 'Utf8') AS hash \
         FROM speed_tests AS t{flows}{changed} WHERE {conditions} AND ({value}) IS NOT NULL"
    )
}

fn kind(question: &Question) -> Option<BaselineKind> {
    question.baseline.as_ref().map(|baseline| baseline.kind)
}

/// What must be joined to tell, and whether a test is of the candidate or the baseline.
fn which(question: &Question) -> (String, String) {
    let of =
        |arm: &str, revision: &str| format!("t.arm = '{arm}' AND t.revision = {}", text(revision));
    let candidate = of("canary", &question.revision);
    let (from, until) = (time(question.from), time(question.until));
    let in_window = format!("t.end_time > {from} AND t.end_time <= {until}");
    match &question.baseline {
        None => (String::new(), format!("{in_window} AND {candidate}")),
        Some(Baseline { kind: BaselineKind::Previous, revision }) => {
            let changed = format!(
                " JOIN (SELECT t.machine AS machine, min(t.start_time) AS since \
                 FROM speed_tests AS t WHERE {} AND {candidate} GROUP BY t.machine) AS changed \
                 ON changed.machine = t.machine",
                days("t.", question)
            );
            let window = (question.until - question.from).num_seconds();
            let before = format!(
                "t.end_time <= changed.since \
                 AND t.end_time > changed.since - INTERVAL '{window} seconds'"
            );
            let baseline = of("stable", revision);
            (changed, format!("({in_window} AND {candidate} OR {before} AND {baseline})"))
        }
        Some(Baseline { revision, .. }) => {
            let baseline = of("stable", revision);
            (String::new(), format!("{in_window} AND ({candidate} OR {baseline})"))
        }
    }
}

/// The partitions in which the tests are.
fn days(table: &str, question: &Question) -> String {
    let earlier = match kind(question) {
        Some(BaselineKind::Previous) => CHANGED_WITHIN + (question.until - question.from),
        _ => TimeDelta::zero(),
    };
    let first = date(question.from - earlier - OPENED_BEFORE);
    let last = date(question.until);
    format!("{table}date >= {first} AND {table}date <= {last}")
}

/// What is looked at, of tests `t` and their connections `f`.
struct Measure {
    value: &'static str,
    /// Of tests that tell; no test is left out for how it ended where that could be
    /// what is to be found.
    condition: &'static str,
    of_flows: bool,
}

fn measure(metric: Metric) -> Measure {
    match metric {
        Metric::DownloadThroughput => Measure {
            value: "t.throughput_bits_per_s",
            condition: "t.direction = 'download'",
            of_flows: false,
        },
        Metric::UploadThroughput => Measure {
            value: "t.throughput_bits_per_s",
            condition: "t.direction = 'upload'",
            of_flows: false,
        },
        Metric::MinRoundTripTime => {
            Measure { value: "t.min_rtt_us", condition: "true", of_flows: false }
        }
        // Below a second a poll more or less is more than a percent.
        Metric::SnapshotsPerSecond => Measure {
            value: "f.watched_polls_done * 1e6 / f.watched_us",
            condition: "f.watched_us >= 1000000",
            of_flows: true,
        },
        Metric::FailedTestsPerThousand => Measure {
            value: "CASE WHEN t.end_reason IN ('connection_lost', 'timed_out', 'protocol_error', \
                    'station_stopped', 'internal_error') THEN 1 ELSE 0 END",
            condition: "true",
            of_flows: false,
        },
        // The kernel counts a FIN as a byte; of one that comes after the socket's end it
        // knows nothing.
        Metric::AccountingMismatchesPerThousand => Measure {
            value: "CASE t.direction \
                    WHEN 'download' THEN \
                    CASE WHEN f.bytes_acked - t.socket_written_bytes BETWEEN 0 AND 1 \
                    AND t.application_bytes <= t.socket_written_bytes THEN 0 ELSE 1 END \
                    ELSE CASE WHEN f.bytes_received - t.socket_read_bytes BETWEEN 0 AND 1 \
                    AND t.application_bytes <= t.socket_read_bytes THEN 0 ELSE 1 END END",
            condition: "t.end_reason IN ('completed', 'early_exit') AND f.final_from = 'destroy' \
                        AND f.bytes_acked IS NOT NULL AND f.bytes_received IS NOT NULL",
            of_flows: true,
        },
        // The longest gap of a connection may be after its test, when it is polled less
        // often; that of the test is no longer than all polls that it missed, each after
        // 10 ms, and one.
        Metric::LongestSnapshotGapMilliseconds => Measure {
            value: "least(coalesce(f.longest_gap_us, f.watched_us), \
                    (f.watched_polls_missed + 1) * 10000) / 1000.0",
            condition: "f.watched_us IS NOT NULL",
            of_flows: true,
        },
        Metric::Unspecified => Measure { value: "NULL", condition: "false", of_flows: false },
    }
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn time(time: DateTime<Utc>) -> String {
    format!("TIMESTAMP '{}'", time.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
}

fn date(time: DateTime<Utc>) -> String {
    format!("DATE '{}'", time.format("%Y-%m-%d"))
}
