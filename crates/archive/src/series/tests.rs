use super::counter::rates;
use super::extent::extents;
use super::*;

/// A download at 10 snapshots a second, in which everything is known.
fn download(count: i64) -> Series {
    let column = |value: &dyn Fn(i64) -> Option<i64>| (0..count).map(value).collect::<Vec<_>>();
    let snapshots = Snapshots::from_columns([
        column(&|n| Some(n * 100_000)),
        column(&|_| Some(0)),
        column(&|n| Some(20_000 + n % 7 * 1000)),
        column(&|_| Some(20_000)),
        column(&|n| Some(10 + n % 90)),
        column(&|n| (n > 10).then_some(70)),
        column(&|_| Some(12_500_000)),
        column(&|n| Some(i64::from(n < 5))),
        column(&|n| Some(n * 1_250_000)),
        column(&|_| Some(300)),
        column(&|n| Some(n * 90_000)),
        column(&|n| Some(n * 20_000)),
        column(&|n| Some(n * 10_000)),
    ]);
    Series { flow: flow(), snapshots }
}

fn flow() -> Flow {
    Flow {
        flow_id: "host_1_00000000000000A1".to_owned(),
        peer: Some("192.0.2.7:50000".to_owned()),
        site: Some("abc01".to_owned()),
        machine: None,
        congestion_algorithm: Some("cubic".to_owned()),
        opened_time: None,
        test: Some(Test { direction: "download".to_owned(), throughput_bits_per_s: Some(94.1e6) }),
        polls: Some(Polls { done: 1100, unchanged: 99, missed: 3 }),
    }
}

/// The same columns, changed.
fn with(count: i64, change: impl Fn(&mut Snapshots)) -> Series {
    let mut series = download(count);
    change(&mut series.snapshots);
    series
}

/// The rows of the plot under a title, without labels.
fn plot<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let rows = text.lines().skip_while(|line| !line.starts_with(title)).skip(1);
    let rows = rows.take_while(|line| !line.is_empty());
    rows.filter_map(|line| line.split_once(['│', '┤']).map(|(_, row)| row)).collect()
}

/// What draws the nth line of a class; not the samples beside the names.
fn path(svg: &str, class: &str, nth: usize) -> String {
    let start = format!("<path class=\"line {class}\" d=\"");
    let mut paths =
        svg.lines().filter_map(|line| line.strip_prefix(&start)?.split_once("\"><title>"));
    paths.nth(nth).unwrap().0.to_owned()
}

#[test]
fn the_heading_names_the_flow_and_how_complete_it_is() {
    let text = text(&download(101), 100, false);
    let heading: Vec<_> = text.lines().take(4).collect();
    assert_eq!(
        heading,
        [
            "Download at 94.1 Mbit/s to 192.0.2.7:50000",
            "host_1_00000000000000A1",
            "site abc01 · congestion control cubic",
            "101 snapshots in 10 s · 1,100 polls done, 99 of them without change, 3 missed",
        ]
    );
    let svg = svg(&download(101));
    for line in heading {
        assert!(svg.contains(&format!(">{line}</text>")), "{line}");
    }
}

#[test]
fn every_panel_has_its_unit_its_lines_and_a_scale_that_starts_at_0() {
    let text = text(&download(101), 100, false);
    for title in [
        "Round-trip time, ms   ⣿ smoothed   ─ minimum",
        "Congestion window, segments   ⣿ window   ─ slow-start threshold",
        "Rate, Mbit/s   ⣿ delivery rate   ─ acknowledged, mean over 100 ms",
        "Limited by, share of time",
    ] {
        assert!(text.lines().any(|line| line == title), "{title}\n{text}");
    }
    assert!(text.contains("         40 ┤"), "{text}");
    assert_eq!(text.matches("          0 ┤").count(), 3, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.ends_with('\n'));
}

#[test]
fn shares_of_time_are_drawn_to_scale() {
    let text = text(&download(101), 100, false);
    let row = |name: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.split_once('│').unwrap().1.to_owned()
    };
    // 60 % network, 20 % receive window, 10 % send buffer, 10 % idle.
    assert!(row("network │").chars().all(|it| it == '▅'), "{text}");
    assert!(row("rwnd").chars().all(|it| it == '▂'), "{text}");
    assert!(row("sndbuf").chars().all(|it| it == '▁'), "{text}");
    assert!(row("idle").chars().all(|it| it == '▁'), "{text}");
    let app = row("app-limited");
    assert!(app.starts_with("███") && app.ends_with("···"), "{text}");
    assert!(!text.contains("missed │"), "none was missed: {text}");
}

#[test]
fn null_is_a_gap_and_never_0() {
    let series = with(101, |it| it.rtt_us[40..60].fill(None));
    let text = text(&series, 113, false);
    let plot = plot(&text, "Round-trip time");
    // 100 columns for 10 s: nothing is known from 4 s to 6 s but the minimum.
    for row in &plot {
        let gap: String = row.chars().skip(41).take(18).collect();
        assert!(gap.chars().all(|it| it == '─' || it == ' '), "{text}");
    }
    assert!(plot.iter().any(|row| row.chars().nth(38).is_some_and(|it| it > '⠀')), "{text}");
    let path = path(&svg(&series), "first", 0);
    assert_eq!(path.matches('M').count(), 2, "one line before the gap and one behind it");
}

#[test]
fn what_the_kernel_does_not_know_is_not_drawn() {
    let series = with(20, |it| {
        it.rtt_us.fill(None);
        it.min_rtt_us.fill(None);
        it.snd_ssthresh_segments.fill(None);
        it.delivery_rate_bytes_per_s.fill(Some(0));
        it.busy_time_us.fill(None);
    });
    let text = text(&series, 100, false);
    assert!(text.contains("\nRound-trip time: not known\n"), "{text}");
    assert!(text.contains("─ slow-start threshold (none)"), "{text}");
    assert!(text.contains("⣿ delivery rate (none)"), "0 is no sample: {text}");
    assert!(text.contains("network │not known"), "{text}");
    let svg = svg(&series);
    assert!(svg.contains(">Round-trip time, not known</text>"));
    assert!(svg.contains("Round-trip time: smoothed not known, minimum not known"));
    assert!(svg.contains(">Limited by, not known</text>"));
}

#[test]
fn a_value_holds_until_the_next_snapshot() {
    // Two seconds without change between a high value and a low one.
    let times = [0, 2_000_000, 2_500_000];
    let extents = extents(&times, &[Some(8.0), Some(1.0), Some(1.0)], 2_500_000, 5);
    let seen: Vec<_> = extents.iter().map(|it| it.map(|it| (it.lowest, it.highest))).collect();
    assert_eq!(
        seen,
        [Some((8.0, 8.0)), Some((8.0, 8.0)), Some((8.0, 8.0)), Some((8.0, 8.0)), Some((1.0, 8.0))]
    );
}

#[test]
fn a_value_that_ends_within_a_column_is_drawn_and_not_drawn_on() {
    let extents = extents(&[0, 10, 20, 90], &[Some(4.0), Some(6.0), None, None], 100, 2);
    assert_eq!(extents[0], Some(extent::Extent { lowest: 4.0, highest: 6.0, last: None }));
    assert_eq!(extents[1], None);
}

#[test]
fn rates_are_of_what_was_read() {
    let times = [0, 100, 200, 300, 400, 500, 600];
    let counter = [Some(0), Some(100), Some(400), None, Some(1000), Some(1100), Some(1200)];
    let steps = rates(&times, &counter, 100);
    assert_eq!(steps.times_us, [0, 100, 200, 400, 500, 600]);
    assert_eq!(
        steps.values,
        [Some(1.0), Some(3.0), None, Some(1.0), Some(1.0), None],
        "no difference reaches over the NULL"
    );
    let one = rates(&times, &counter, 1000);
    assert_eq!(one.values, [Some(2.0), None, Some(1.0), None], "what is shorter is one window");
    let long = rates(&[0, 50, 100, 150, 200], &[0, 60, 100, 130, 200].map(Some), 100);
    assert_eq!(long.times_us, [0, 100, 200], "no window is shorter");
    assert_eq!(long.values, [Some(1.0), Some(1.0), None]);
    let nothing = rates(&[5], &[Some(5)], 100);
    assert!(nothing.values.is_empty(), "one reading has no difference");
}

#[test]
fn no_byte_is_lost_in_windows() {
    let times: Vec<i64> = (0..1000).map(|n| n * 10_007).collect();
    let counter: Vec<_> = (0..1000).map(|n| Some(n * n)).collect();
    let steps = rates(&times, &counter, 77_000);
    let spans = steps.times_us.windows(2).map(|two| (two[1] - two[0]) as f64);
    let sum: f64 = spans.zip(&steps.values).map(|(span, rate)| span * rate.unwrap()).sum();
    assert!((sum - 999.0 * 999.0).abs() < 1e-3, "{sum}");
}

#[test]
fn missed_polls_are_where_they_were_missed() {
    let series = with(101, |it| it.polls_missed_before[50] = Some(4));
    let text = text(&series, 113, false);
    let row = text.lines().find(|line| line.contains("missed │")).unwrap();
    let marks: Vec<_> = row.split_once('│').unwrap().1.chars().collect();
    assert_eq!(marks.iter().position(|it| *it == '×'), Some(49), "{row}");
    assert_eq!(marks.len(), 51, "{row}");
    let unfinished = Series { flow: Flow { polls: None, ..flow() }, ..series };
    assert!(super::text(&unfinished, 113, false).contains("10 s · 4 polls missed"));
    assert!(svg(&unfinished).contains("<rect class=\"missed\""));
}

#[test]
fn an_upload_says_whose_figures_they_are() {
    let mut series = with(101, |it| {
        it.bytes_received = (0..101).map(|n| Some(n * 2_500_000)).collect();
    });
    series.flow.test =
        Some(Test { direction: "upload".to_owned(), throughput_bits_per_s: Some(2e8) });
    let text = text(&series, 100, false);
    assert!(text.starts_with("Upload at 200 Mbit/s from 192.0.2.7:50000\n"), "{text}");
    assert!(text.contains("─ received, mean over 100 ms"), "{text}");
    assert!(text.contains("In an upload the station receives"), "{text}");
}

#[test]
fn one_snapshot_and_none_are_drawn_too() {
    for count in [0, 1, 2] {
        let series = download(count);
        let svg = svg(&series);
        assert!(svg.ends_with("</svg>\n"));
        let text = text(&series, 100, false);
        assert_eq!(text.contains("There are no snapshots to draw."), count == 0, "{text}");
    }
    let one = text(&download(1), 100, false);
    assert!(one.contains("1 snapshot in 0 s"), "{one}");
    assert!(plot(&one, "Congestion").iter().any(|row| row.contains(|it| it > '⠀' && it < '⣿')));
    assert_eq!(path(&svg(&download(1)), "first", 0).matches('H').count(), 1);
}

#[test]
fn of_100_000_snapshots_no_peak_is_lost() {
    let series = with(100_000, |it| {
        it.rtt_us[77_777] = Some(400_000);
        it.rtt_us[33_333] = Some(1);
        it.snd_cwnd_segments[1] = None;
    });
    let text = text(&series, 113, false);
    assert!(text.contains("500 snapshots to a column of the picture"), "{text}");
    let rows = plot(&text, "Round-trip time");
    let peaks: Vec<_> = rows[0].char_indices().filter(|(_, it)| *it != ' ').collect();
    assert_eq!(peaks.len(), 1, "the peak at the top: {text}");
    assert_eq!(rows[0].chars().position(|it| it != ' '), Some(77), "{text}");
    assert!(rows[6].chars().nth(33).is_some_and(|it| it > '⠀'), "the trough: {text}");
    let svg = svg(&series);
    assert!(svg.len() < 200_000, "{} bytes", svg.len());
    assert!(svg.contains("smoothed 1 µs to 400 ms"), "{svg}");
    assert!(svg.contains("snapshots to a column of the picture"));
}

#[test]
fn colours_are_there_on_request_only() {
    assert!(!text(&download(101), 100, false).contains('\x1b'));
    let coloured = text(&download(101), 100, true);
    assert_eq!(coloured.matches("\x1b[0m").count() * 2, coloured.matches('\x1b').count());
    let mut plain = String::new();
    for part in coloured.split('\x1b') {
        plain += part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |(_, it)| it);
    }
    assert_eq!(plain.replace(' ', ""), text(&download(101), 100, false).replace(' ', ""));
}

#[test]
fn names_from_outside_drive_neither_terminal_nor_markup() {
    let mut series = download(3);
    series.flow.site = Some("a\x1b[2J<script>&\"".to_owned());
    let text = text(&series, 100, false);
    assert!(text.contains(r#"site a\u{1b}[2J<script>&""#), "{text}");
    let svg = svg(&series);
    assert!(svg.contains(r"site a\u{1b}[2J&lt;script&gt;&amp;&quot;"), "{svg}");
    assert!(!svg.contains("<script"));
}

#[test]
fn a_picture_is_one_file_for_light_and_dark_with_a_title() {
    let svg = svg(&download(101));
    assert!(svg.contains(
        "<title id=\"title\">Download at 94.1 Mbit/s to 192.0.2.7:50000, TCP over time</title>"
    ));
    assert!(svg.contains("prefers-color-scheme:dark"));
    assert!(svg.contains("window 10 segments to 99 segments"), "{svg}");
    for reference in ["<script", "href", "url(", "@import"] {
        assert!(!svg.contains(reference), "{reference}");
    }
    let opened = svg.matches("<text").count();
    assert_eq!(opened, svg.matches("</text>").count());
}

#[test]
fn a_narrow_terminal_gets_a_narrow_picture() {
    let text = text(&download(101), 40, false);
    let widest =
        text.lines().filter(|line| line.contains(['│', '┤', '└'])).map(|line| line.chars().count());
    assert!(widest.max().unwrap() <= 40, "{text}");
    for width in [0, 1, 36] {
        assert!(super::text(&download(101), width, true).lines().count() > 30);
    }
}

#[test]
fn numbers_are_read_easily() {
    assert_eq!(number::grouped(1_234_567), "1,234,567");
    assert_eq!(number::grouped(-999), "-999");
    assert_eq!(number::significant(0.012_34), "0.0123");
    assert_eq!(number::significant(12_345.0), "12,345");
    assert_eq!(number::significant(9.996), "10");
    assert_eq!(number::significant(0.0), "0");
    assert_eq!(number::significant(100.0), "100");
    for (highest, marks) in [
        (23.0, "0 10 20 30"),
        (1.0, "0.00 0.25 0.50 0.75 1.00"),
        (12_000.0, "0 5,000 10,000 15,000"),
        (0.0, "0 1"),
    ] {
        let axis = axis::Axis::up_to(highest, axis::SEGMENTS, 4);
        let labels: Vec<_> = axis.marks().map(|(_, label)| label).collect();
        assert_eq!(labels.join(" "), marks);
    }
    for (bits_per_s, text) in [
        (12.0, "12 bit/s"),
        (56_000.0, "56 kbit/s"),
        (94.1e6, "94.1 Mbit/s"),
        (2.5e9, "2.5 Gbit/s"),
    ] {
        assert_eq!(axis::with_unit(bits_per_s / 8e6, axis::RATE), text);
    }
    for (us, text) in [(850.0, "850 µs"), (20_500.0, "20.5 ms"), (10e6, "10 s")] {
        assert_eq!(axis::with_unit(us, axis::TIME), text);
    }
}
