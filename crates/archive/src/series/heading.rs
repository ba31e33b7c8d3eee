//! What stands above the picture, in words.

use super::axis::{RATE, with_unit};
use super::flow::{Flow, Series};
use super::number::{counted, grouped, significant};

/// Whose picture it is: what the flow carried, and between whom.
pub(super) fn title(flow: &Flow) -> String {
    let carried = flow.test.as_ref().map_or("Connection".to_owned(), |test| {
        let rate =
            test.throughput_bits_per_s.map(|rate| format!(" at {}", with_unit(rate / 8e6, RATE)));
        let mut direction = test.direction.clone();
        if let Some(first) = direction.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        direction + &rate.unwrap_or_default()
    });
    let preposition = match &flow.test {
        Some(test) if test.direction == "upload" => "from",
        Some(_) => "to",
        None => "with",
    };
    let peer = flow.peer.as_deref().unwrap_or("an unknown peer");
    printable(&format!("{carried} {preposition} {peer}"))
}

/// Its name, which cannot be broken.
pub(super) fn name(flow: &Flow) -> String {
    printable(&flow.flow_id)
}

/// Where it was seen, when, and under which congestion control.
pub(super) fn origin(flow: &Flow) -> String {
    let station = match (&flow.site, &flow.machine) {
        (Some(site), Some(machine)) => Some(format!("site {site} ({machine})")),
        (Some(site), None) => Some(format!("site {site}")),
        (None, Some(machine)) => Some(format!("station {machine}")),
        (None, None) => None,
    };
    let algorithm =
        flow.congestion_algorithm.as_ref().map(|name| format!("congestion control {name}"));
    let opened = flow.opened_time.as_ref().map(|time| format!("opened {time}"));
    let parts: Vec<_> = [station, algorithm, opened].into_iter().flatten().collect();
    printable(&parts.join(" · "))
}

/// How much there is of it, and how complete.
pub(super) fn completeness(series: &Series) -> String {
    let snapshots = &series.snapshots;
    let count = counted(snapshots.count() as i64, "snapshot", "snapshots");
    let seconds = significant(snapshots.duration_us() as f64 / 1e6);
    let polls = match series.flow.polls {
        Some(polls) => {
            let done = counted(polls.done, "poll", "polls");
            let unchanged = match polls.unchanged {
                0 => String::new(),
                unchanged => format!("{} of them without change, ", grouped(unchanged)),
            };
            format!("{done} done, {unchanged}{} missed", grouped(polls.missed))
        }
        // Before the flow's row there are only those that its snapshots tell.
        None => format!("{} missed", counted(snapshots.polls_missed(), "poll", "polls")),
    };
    format!("{count} in {seconds} s · {polls}")
}

/// What to know of the figures of a flow that mostly received.
pub(super) fn remark(flow: &Flow) -> Option<&'static str> {
    let is_upload = flow.test.as_ref().is_some_and(|test| test.direction == "upload");
    is_upload.then_some(
        "In an upload the station receives: round-trip time, window, delivery rate and limits \
         are of the little that it sends.",
    )
}

/// How snapshots became columns, where they are more.
pub(super) fn reduction(count: usize, columns: usize) -> Option<String> {
    (count > columns).then(|| {
        let each = significant(count as f64 / columns.max(1) as f64);
        format!(
            "{each} snapshots to a column of the picture, which reaches from their lowest to their \
             highest value."
        )
    })
}

/// Names come from outside and must not drive a terminal.
fn printable(text: &str) -> String {
    let escaped = |letter: char| -> String {
        if letter.is_control() { letter.escape_default().collect() } else { letter.into() }
    };
    text.chars().map(escaped).collect()
}
