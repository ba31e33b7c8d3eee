//! The result of a test for people.

use std::fmt::Write as _;

use trigpoint_speedtest::Summary;

/// A block of lines; a figure that the server did not report has no line.
pub(crate) fn text(summary: &Summary) -> String {
    let mut lines = vec![("Server", summary.server.clone())];
    if let Some(download) = &summary.download {
        let amount = amount(download.bytes, download.elapsed_us);
        lines.push(("Download", format!("{:<14}  {amount}", rate(download.bits_per_second))));
        lines.extend(download.min_rtt_us.map(|rtt| ("  Minimum RTT", milliseconds(rtt))));
        lines.extend(
            download
                .retransmission
                .map(|share| ("  Sent again", format!("{:.2} %", share * 100.0))),
        );
        lines.extend(download.uuid.clone().map(|uuid| ("  Flow", uuid)));
    }
    if let Some(upload) = &summary.upload {
        let amount = amount(upload.bytes, upload.elapsed_us);
        lines.push(("Upload", format!("{:<14}  {amount}", rate(upload.bits_per_second))));
        lines.extend(upload.min_rtt_us.map(|rtt| ("  Minimum RTT", milliseconds(rtt))));
        lines.extend(upload.uuid.clone().map(|uuid| ("  Flow", uuid)));
    }
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<15}{value}");
        text
    })
}

/// A rate with three or more significant digits.
pub(super) fn rate(bits_per_second: f64) -> String {
    scaled(bits_per_second, &["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

fn amount(bytes: u64, elapsed_us: u64) -> String {
    let bytes = scaled(bytes as f64, &["B", "kB", "MB", "GB", "TB"]);
    format!("{bytes} in {:.2} s", elapsed_us as f64 / 1e6)
}

fn milliseconds(microseconds: u32) -> String {
    format!("{:.3} ms", f64::from(microseconds) / 1e3)
}

fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.2} {}", units[unit])
}
