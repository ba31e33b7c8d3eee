//! Sums over whole views, which say that no row is lost or there twice.

use crate::Question;
use crate::cell::{Answer, Cell};
use crate::world::{FILTERS, Test, World};

/// SQL that both engines understand, and its answer.
pub(crate) fn figures(world: &World) -> Vec<Question> {
    let valid = |is_download| {
        world.tests.iter().filter(move |it| it.is_download == is_download && it.is_valid())
    };
    let of = |is_download| world.tests.iter().filter(move |it| it.is_download == is_download);
    let rows = |view: &str, count: usize| Question {
        name: view.to_owned(),
        sql: format!("SELECT COUNT(*) FROM {view}"),
        answer: Answer::sorted(std::iter::once(vec![count.into()])),
    };
    let traces = world.traces().count();
    let routers = world.traces().flat_map(|it| it.probes).filter_map(|it| it.router);
    let routers = routers.map(|router| router.address).collect::<std::collections::BTreeSet<_>>();
    vec![
        tests("ndt.unified_downloads", valid(true)),
        tests("ndt.unified_uploads", valid(false)),
        tests("ndt_intermediate.extended_ndt7_downloads", of(true)),
        tests("ndt_intermediate.extended_ndt7_uploads", of(false)),
        tests("ndt.ndt7", world.tests.iter()),
        tests("ndt.ndt7_union", world.tests.iter()),
        tests("ndt_raw.ndt7", world.tests.iter()),
        rows("ndt.annotation2", world.connections().count()),
        rows("ndt_raw.annotation2", world.connections().count()),
        rows("ndt_raw.tcpinfo", world.connections().count()),
        rows("ndt.scamper1", traces),
        rows("ndt_raw.scamper1", traces),
        rows("ndt.hops", 3 * traces),
        rows("ndt_raw.hopannotation2", routers.len()),
        snapshots(world),
        snapshot_counts(world),
        filters("ndt_intermediate.extended_ndt7_downloads", of(true)),
        filters("ndt_intermediate.extended_ndt7_uploads", of(false)),
        readings_of_downloads(valid(true)),
        readings_of_uploads(valid(false)),
    ]
}

fn tests<'a>(view: &str, tests: impl Iterator<Item = &'a Test>) -> Question {
    let tests: Vec<_> = tests.collect();
    let sum = |values: Vec<f64>| Cell::Float(values.iter().sum());
    let lossy = tests.iter().filter(|test| test.is_download && test.bits_per_s.is_some());
    let losses: Vec<_> = lossy.map(|test| test.loss).collect();
    let row = vec![
        tests.len().into(),
        sum(tests.iter().filter_map(|test| test.mbps()).collect()),
        sum(tests.iter().filter_map(|test| test.min_rtt_ms()).collect()),
        if losses.is_empty() { Cell::Null } else { sum(losses) },
    ];
    Question {
        name: view.to_owned(),
        sql: format!(
            "SELECT COUNT(*), SUM(a.MeanThroughputMbps), SUM(a.MinRTT), SUM(a.LossRate) FROM {view}"
        ),
        answer: Answer::sorted(std::iter::once(row)),
    }
}

fn snapshots(world: &World) -> Question {
    let connections = || world.connections().map(|it| it.snapshots);
    // Snapshot n is of n x 1000 acknowledged bytes.
    let acknowledged = connections().map(|count| 500 * count * count.saturating_sub(1));
    let row = vec![
        Cell::Int(connections().sum::<u64>() as i64),
        Cell::Int(acknowledged.sum::<u64>() as i64),
    ];
    Question {
        name: "ndt.snapshots_flat".to_owned(),
        sql: "SELECT COUNT(*), SUM(BytesAcked) FROM ndt.snapshots_flat".to_owned(),
        answer: Answer::sorted(std::iter::once(row)),
    }
}

fn snapshot_counts(world: &World) -> Question {
    let snapshots = world.connections().map(|it| it.snapshots).sum::<u64>();
    let row = vec![world.connections().count().into(), Cell::Int(snapshots as i64)];
    Question {
        name: "ndt.tcpinfo".to_owned(),
        sql: "SELECT COUNT(*), SUM(SnapshotCount) FROM ndt.tcpinfo".to_owned(),
        answer: Answer::sorted(std::iter::once(row)),
    }
}

/// How many tests each filter is true of; of each it is TRUE or FALSE.
fn filters<'a>(view: &str, tests: impl Iterator<Item = &'a Test>) -> Question {
    let tests: Vec<_> = tests.collect();
    let counts = FILTERS.iter().enumerate().flat_map(|(at, _)| {
        let is_true = tests.iter().filter(|test| test.filters()[at]).count();
        [is_true.into(), tests.len().into()]
    });
    let verdicts = 0_usize.into();
    let sums = FILTERS
        .map(|it| format!("SUM(CASE WHEN filter.{it} THEN 1 ELSE 0 END), COUNT(filter.{it})"));
    Question {
        name: format!("filters of {view}"),
        sql: format!("SELECT {}, COUNT(Verdict) FROM {view}", sums.join(", ")),
        answer: Answer::sorted(std::iter::once(counts.chain([verdicts]).collect())),
    }
}

/// What was valid in earlier years: no short test, and none without a queue.
fn readings_of_downloads<'a>(tests: impl Iterator<Item = &'a Test>) -> Question {
    let of_2023: Vec<_> = tests.filter(|test| test.flaw.is_none()).collect();
    let of_2021 = of_2023.iter().filter(|test| test.filters()[10..].contains(&true)).count();
    valid_in("downloads", &[("2023", of_2023.len()), ("2021", of_2021)])
}

fn readings_of_uploads<'a>(tests: impl Iterator<Item = &'a Test>) -> Question {
    valid_in("uploads", &[("2021", tests.count())])
}

fn valid_in(direction: &str, counts: &[(&str, usize)]) -> Question {
    let sums: Vec<_> = counts
        .iter()
        .map(|(year, _)| format!("SUM(CASE WHEN IsValid{year} THEN 1 ELSE 0 END)"))
        .collect();
    let row = counts.iter().map(|(_, count)| (*count).into()).collect();
    Question {
        name: format!("valid {direction} of earlier years"),
        sql: format!("SELECT {} FROM ndt.unified_{direction}", sums.join(", ")),
        answer: Answer::sorted(std::iter::once(row)),
    }
}
