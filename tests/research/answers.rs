//! What the queries in `queries/` have to answer about a world: computed from its
//! tests, and not with SQL.

use std::collections::{BTreeMap, BTreeSet};

use crate::cell::{Answer, Cell};
use crate::world::{Place, TODAY, Test, World};

/// What `CURRENT_DATE` stands for.
pub(crate) const NOW: &str = "2026-11-26";

type Compute = fn(&World) -> Answer;

/// File of a query, and what computes its answer.
pub(crate) const ANSWERS: [(&str, Compute); 27] = [
    ("q01_tests_of_a_city", tests_of_a_city),
    ("q02_tests_by_postal_code", tests_by_postal_code),
    ("q03_speeds_by_postal_code", speeds_by_postal_code),
    ("q04_both_directions", both_directions),
    ("q05_custom_view_of_window_scale", window_scales),
    ("q06_tests_with_final_tcp_info", final_tcp_info),
    ("q07a_snapshots_per_connection", snapshots_per_connection),
    ("q07b_snapshots_per_connection", snapshots_per_test),
    ("q08a_rtt_by_country_and_site", rtt_by_country_and_site),
    ("q08b_tests_with_congestion_window", congestion_windows),
    ("q09a_tests_with_traceroutes", tests_with_traceroutes),
    ("q09b_hops", hops),
    ("q10_speed_by_country", speed_by_country),
    ("q11_providers", providers),
    ("q12_regions", regions),
    ("q13_months", months),
    ("q14a_own_network", own_network),
    ("q14b_largest_networks", largest_networks),
    ("q15_own_site", own_site),
    ("q16_export", export),
    ("q17a_traceroute_coverage", traceroute_coverage),
    ("q17b_annotation_coverage", annotation_coverage),
    ("q17c_hop_annotation_coverage", hop_annotation_coverage),
    ("q19_histogram_of_daily_tests", histogram),
    ("q20a_canary_means", canary_means),
    ("q20b_canary_distributions", canary_distributions),
    ("q20c_slow_tests_by_region", slow_tests_by_region),
];

fn grouped<'a, K: Ord>(
    tests: impl Iterator<Item = &'a Test>,
    key: impl Fn(&Test) -> K,
) -> BTreeMap<K, Vec<&'a Test>> {
    let mut groups = BTreeMap::<K, Vec<_>>::new();
    for test in tests {
        groups.entry(key(test)).or_default().push(test);
    }
    groups
}

fn rates(tests: &[&Test]) -> Vec<f64> {
    tests.iter().filter_map(|test| test.mbps()).collect()
}

fn rtts(tests: &[&Test]) -> Vec<f64> {
    tests.iter().filter_map(|test| test.min_rtt_ms()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

fn share(part: usize, of: usize) -> Cell {
    Cell::Float(part as f64 / of as f64)
}

fn is_in_november(test: &Test) -> bool {
    test.date.starts_with("2026-11")
}

fn is_measured(test: &Test) -> bool {
    test.bits_per_s.is_some()
}

fn valid_downloads(world: &World) -> impl Iterator<Item = &Test> {
    world.tests.iter().filter(|test| test.is_download && test.is_valid())
}

fn in_baltimore(test: &Test) -> Option<&'static Place> {
    test.place.filter(|place| place.city == "Baltimore")
}

/// Columns of a test in Baltimore.
fn row_of_a_city(test: &Test, place: &Place) -> Vec<Cell> {
    vec![
        test.date.into(),
        test.id.as_str().into(),
        test.mbps().into(),
        test.min_rtt_ms().into(),
        Some(test.loss).filter(|_| test.is_download).into(),
        place.city.into(),
        place.postal_code.into(),
        Cell::Float(39.29),
        Cell::Float(-76.61),
        Cell::Int(place.asn),
    ]
}

/// Those of one postal code come with the fastest first, where two of one client are
/// as fast as each other.
fn tests_of_a_city(world: &World) -> Answer {
    let tests = valid_downloads(world).filter(|test| is_in_november(test));
    Answer::any(tests.filter_map(|test| Some(row_of_a_city(test, in_baltimore(test)?))))
}

fn tests_by_postal_code(world: &World) -> Answer {
    let tests = valid_downloads(world).filter(|test| is_in_november(test));
    let groups =
        grouped(tests.filter(|it| in_baltimore(it).is_some()), |it| it.place.unwrap().postal_code);
    Answer::sorted(groups.into_iter().map(|(code, tests)| vec![tests.len().into(), code.into()]))
}

fn speeds_by_postal_code(world: &World) -> Answer {
    let tests = valid_downloads(world).filter(|test| is_in_november(test));
    let tests = tests.filter(|test| in_baltimore(test).is_some());
    let groups = grouped(tests, |test| (test.place.unwrap().postal_code, test.asn()));
    Answer::sorted(groups.into_iter().map(|((code, asn), tests)| {
        let rates = rates(&tests);
        let quantile = |fraction| Cell::quantile(&rates, fraction);
        vec![
            code.into(),
            asn.into(),
            tests.len().into(),
            Cell::Float(rates.iter().copied().fold(f64::INFINITY, f64::min)),
            quantile(0.24),
            quantile(0.49),
            Cell::Float(mean(&rates)),
            quantile(0.74),
            Cell::Float(rates.iter().copied().fold(0.0, f64::max)),
        ]
    }))
}

fn both_directions(world: &World) -> Answer {
    let tests = world.tests.iter().filter(|test| test.is_valid() && is_in_november(test));
    Answer::any(tests.filter_map(|test| {
        let direction = if test.is_download { "download" } else { "upload" };
        let row = row_of_a_city(test, in_baltimore(test)?);
        Some(std::iter::once(direction.into()).chain(row).collect())
    }))
}

fn window_scales(world: &World) -> Answer {
    let groups = grouped(valid_downloads(world), |test| test.window_scale);
    Answer::sorted(
        groups
            .into_iter()
            .map(|(scale, tests)| vec![Cell::Int(2026), Cell::Int(scale), tests.len().into()]),
    )
}

fn of_today(world: &World) -> impl Iterator<Item = &Test> {
    world.tests.iter().filter(|test| test.date == TODAY)
}

fn final_tcp_info(world: &World) -> Answer {
    let row = |test: &Test| {
        let number = test.number as i64;
        vec![
            test.id.as_str().into(),
            test.date.into(),
            test.mbps().into(),
            test.min_rtt_ms().into(),
            test.country().into(),
            test.site.into(),
            Cell::Int(number * 1000),
            Cell::Int(number),
            Cell::Int(number % 5),
            Cell::Int(test.min_rtt_us),
            Cell::Int(test.rtt_us),
            Cell::Int(test.rttvar_us),
        ]
    };
    Answer::at_most(10, of_today(world).filter(|test| is_measured(test)).map(row))
}

fn snapshots_per_connection(world: &World) -> Answer {
    let connections = world.connections().filter(|it| it.date == TODAY);
    let american = connections.filter(|it| it.place.is_some_and(|place| place.country == "US"));
    snapshot_counts(american.map(|connection| connection.snapshots))
}

fn snapshots_per_test(world: &World) -> Answer {
    let american = of_today(world).filter(|test| test.country() == Some("US"));
    snapshot_counts(american.filter(|test| is_measured(test)).map(|test| test.snapshots))
}

fn snapshot_counts(snapshots: impl Iterator<Item = u64>) -> Answer {
    let mut counts = BTreeMap::<u64, usize>::new();
    snapshots.for_each(|count| *counts.entry(count).or_default() += 1);
    let all: usize = counts.values().sum();
    Answer::sorted(counts.into_iter().map(|(snapshots, count)| {
        let percent = 100.0 * count as f64 / all as f64;
        vec![Cell::Int(snapshots as i64), count.into(), Cell::Rounded(percent)]
    }))
}

fn rtt_by_country_and_site(world: &World) -> Answer {
    let downloads = of_today(world).filter(|test| test.is_download && is_measured(test));
    let groups = grouped(downloads, |test| (test.country(), test.site));
    let mut rows = Vec::new();
    for ((country, site), tests) in groups {
        if tests.len() <= 100 {
            continue;
        }
        let of = |value: fn(&Test) -> i64| -> Vec<f64> {
            tests.iter().map(|test| value(test) as f64 / 1e3).collect()
        };
        let min_rtt = mean(&of(|test| test.min_rtt_us));
        let row = vec![
            country.into(),
            site.into(),
            tests.len().into(),
            Cell::Rounded(min_rtt),
            Cell::rounded_quantile(&of(|test| test.rtt_us), 0.95),
            Cell::Rounded(mean(&of(|test| test.rttvar_us))),
        ];
        rows.push((min_rtt, row));
    }
    Answer::ascending(rows)
}

fn congestion_windows(world: &World) -> Answer {
    Answer::any(of_today(world).map(|test| {
        vec![
            Cell::Time(test.start_time),
            test.mbps().into(),
            test.country().into(),
            Cell::Int(test.min_rtt_us),
            Cell::Int(10 + test.window_scale),
        ]
    }))
}

fn tests_with_traceroutes(world: &World) -> Answer {
    Answer::any(world.traces().map(|trace| {
        let test = trace.test;
        vec![
            Cell::Time(test.start_time),
            test.mbps().into(),
            test.country().into(),
            test.client.as_str().into(),
        ]
    }))
}

fn hops(world: &World) -> Answer {
    let mut rows = Vec::new();
    for trace in world.traces() {
        for probe in &trace.probes {
            let Some(router) = &probe.router else { continue };
            rows.push(vec![
                Cell::Time(trace.start_time),
                "2001:db8:ffff::1".into(),
                trace.test.client.as_str().into(),
                router.address.as_str().into(),
                Cell::Int(probe.ttl),
                Cell::Float(probe.rtt_us as f64 / 1e3),
            ]);
        }
    }
    Answer::at_most(100, rows.into_iter())
}

/// Of the last 30 days.
fn recent(world: &World) -> impl Iterator<Item = &Test> {
    world.tests.iter().filter(|test| is_measured(test) && test.date >= "2026-10-27")
}

fn speed_by_country(world: &World) -> Answer {
    let groups = grouped(recent(world), Test::country);
    Answer::descending(groups.into_iter().map(|(country, tests)| {
        let rate = mean(&rates(&tests));
        (rate, vec![country.into(), Cell::Rounded(rate), tests.len().into()])
    }))
}

/// Of a country in November.
fn of_country<'a>(world: &'a World, country: &'a str) -> impl Iterator<Item = &'a Test> {
    let tests = world.tests.iter().filter(|test| is_in_november(test));
    tests.filter(move |test| test.country() == Some(country))
}

fn providers(world: &World) -> Answer {
    let tests = of_country(world, "US").filter(|test| is_measured(test));
    let groups = grouped(tests, |test| test.place.unwrap().as_name);
    let large = groups.into_iter().filter(|(_, tests)| tests.len() > 10_000);
    Answer::sorted(large.map(|(name, tests)| {
        let rate = Cell::rounded_quantile(&rates(&tests), 0.5);
        let rtt = Cell::rounded_quantile(&rtts(&tests), 0.5);
        vec![name.into(), rate, rtt, tests.len().into()]
    }))
}

fn regions(world: &World) -> Answer {
    let groups = grouped(of_country(world, "US"), |test| test.place.unwrap().region);
    Answer::descending(groups.into_iter().map(|(region, tests)| {
        let rate = Cell::Rounded(mean(&rates(&tests)));
        (tests.len() as f64, vec![region.into(), tests.len().into(), rate])
    }))
}

fn is_of_comcast(test: &Test) -> bool {
    is_measured(test) && test.asn() == Some(7922)
}

fn month(test: &Test) -> &'static str {
    &test.date[..7]
}

fn months(world: &World) -> Answer {
    let groups = grouped(world.tests.iter().filter(|test| is_of_comcast(test)), month);
    Answer::sorted(groups.into_iter().map(|(month, tests)| {
        let month = Cell::time(&format!("{month}-01T00:00:00Z"));
        vec![month, Cell::rounded_quantile(&rates(&tests), 0.5)]
    }))
}

fn own_network(world: &World) -> Answer {
    let tests: Vec<_> = recent(world).filter(|test| is_of_comcast(test)).collect();
    let rate = Cell::rounded_quantile(&rates(&tests), 0.5);
    let rtt = Cell::rounded_quantile(&rtts(&tests), 0.5);
    Answer::sorted(std::iter::once(vec![rate, rtt, tests.len().into()]))
}

fn largest_networks(world: &World) -> Answer {
    let groups = grouped(of_country(world, "BR"), Test::asn);
    let large = groups.into_iter().filter(|(_, tests)| tests.len() > 1000);
    Answer::descending(large.map(|(asn, tests)| {
        let name = tests[0].place.unwrap().as_name.into();
        let rate = Cell::rounded_quantile(&rates(&tests), 0.5);
        (tests.len() as f64, vec![asn.into(), name, tests.len().into(), rate])
    }))
}

fn own_site(world: &World) -> Answer {
    let tests = world.tests.iter().filter(|test| test.site == Some("your-site-id"));
    let tests = tests.filter(|test| test.date >= "2026-11-19");
    Answer::descending(tests.map(|test| {
        let name = test.place.map(|place| place.as_name);
        let row = vec![Cell::Time(test.start_time), test.mbps().into(), name.into()];
        (test.start_time as f64, row)
    }))
}

fn export(world: &World) -> Answer {
    Answer::any(
        of_today(world).map(|test| {
            vec![Cell::Time(test.start_time), test.mbps().into(), test.country().into()]
        }),
    )
}

fn traceroute_coverage(world: &World) -> Answer {
    let traced = world.traces().count();
    Answer::sorted(grouped(world.tests.iter(), |test| test.date).into_iter().map(
        |(date, tests)| {
            let traced = if date == TODAY { traced } else { 0 };
            vec![date.into(), tests.len().into(), share(traced, tests.len())]
        },
    ))
}

fn annotation_coverage(world: &World) -> Answer {
    let days = grouped(world.tests.iter(), |test| test.date).into_iter();
    Answer::sorted(days.map(|(date, tests)| {
        let placed = tests.iter().filter(|test| test.place.is_some()).count();
        let share = share(placed, tests.len());
        vec![date.into(), tests.len().into(), share.clone(), share]
    }))
}

fn hop_annotation_coverage(world: &World) -> Answer {
    let mut known = BTreeMap::<String, bool>::new();
    for probe in world.traces().flat_map(|trace| trace.probes) {
        if let Some(router) = probe.router {
            *known.entry(router.address).or_default() |= router.asn.is_some();
        }
    }
    let annotated = known.values().filter(|is_known| **is_known).count();
    let row = vec![TODAY.into(), known.len().into(), share(annotated, known.len())];
    Answer::sorted(std::iter::once(row))
}

/// The power of ten in the middle of a bucket.
fn bucket(mbps: f64, width: f64) -> f64 {
    (mbps.log10() / width).round() * width
}

fn histogram(world: &World) -> Answer {
    let mut clients = BTreeSet::new();
    let tests = valid_downloads(world);
    let one_a_day = tests.filter(|test| clients.insert((test.date, &test.client)));
    let networks = grouped(one_a_day, |test| (test.date, test.asn()));
    let mut rows = Vec::new();
    for ((date, asn), tests) in networks {
        let rates = rates(&tests);
        let in_bucket = |test: &Test| (2.0 * bucket(test.mbps().unwrap(), 0.5)) as i64;
        for (bucket, inside) in grouped(tests.iter().copied(), in_bucket) {
            let middle = bucket as f64 / 2.0;
            rows.push(vec![
                date.into(),
                asn.into(),
                Cell::Float(10_f64.powf(middle - 0.25)),
                Cell::Float(10_f64.powf(middle + 0.25)),
                share(inside.len(), tests.len()),
                tests.len().into(),
                Cell::Float(geometric_mean(&rates)),
                Cell::quantile(&rates, 0.25),
                Cell::quantile(&rates, 0.5),
                Cell::quantile(&rates, 0.75),
            ]);
        }
    }
    Answer::sorted(rows.into_iter())
}

fn arm(test: &Test) -> &'static str {
    if test.is_valid() { "stable" } else { "canary" }
}

fn sound_downloads(world: &World) -> impl Iterator<Item = &Test> {
    world.tests.iter().filter(|test| test.is_download && test.is_sound())
}

fn canary_means(world: &World) -> Answer {
    let tests = sound_downloads(world).filter(|test| test.site.is_some());
    let groups = grouped(tests, |test| (test.site, arm(test)));
    Answer::sorted(groups.into_iter().map(|((site, arm), tests)| {
        let rates = rates(&tests);
        let losses: Vec<_> = tests.iter().map(|test| test.loss).collect();
        vec![
            site.into(),
            arm.into(),
            tests.len().into(),
            Cell::Float(mean(&rates)),
            Cell::Float(geometric_mean(&rates)),
            Cell::Float(geometric_mean(&rtts(&tests))),
            Cell::Float(mean(&losses)),
        ]
    }))
}

fn canary_distributions(world: &World) -> Answer {
    let mut rows = Vec::new();
    for ((site, arm), tests) in grouped(sound_downloads(world), |test| (test.site, arm(test))) {
        let in_bucket = |test: &Test| (bucket(test.mbps().unwrap(), 0.02) * 50.0).round() as i64;
        let mut below = 0;
        for (bucket, inside) in grouped(tests.iter().copied(), in_bucket) {
            below += inside.len();
            rows.push(vec![
                Cell::Float(10_f64.powf(bucket as f64 / 50.0 + 0.01)),
                site.into(),
                arm.into(),
                share(inside.len(), tests.len()),
                share(below, tests.len()),
            ]);
        }
    }
    Answer::sorted(rows.into_iter())
}

fn slow_tests_by_region(world: &World) -> Answer {
    let italian = valid_downloads(world).filter(|test| test.country() == Some("IT"));
    let groups = grouped(italian, |test| (test.date, test.place.unwrap().region));
    Answer::sorted(groups.into_iter().map(|((date, region), tests)| {
        let rates = rates(&tests);
        let below = |bound: f64| share(rates.iter().filter(|it| **it < bound).count(), rates.len());
        let thresholds = [1.0, 1.6, 2.5, 4.0, 6.3, 10.0, 16.0].map(below);
        [date.into(), region.into(), tests.len().into()].into_iter().chain(thresholds).collect()
    }))
}
