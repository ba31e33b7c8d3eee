//! The picture as SVG: one file without fonts, scripts or references, readable on
//! light and on dark, as the reader's settings ask for.

use std::fmt::Write as _;

use super::axis::{self, Axis};
use super::extent::Extent;
use super::flow::Series;
use super::heading;
use super::panel::{self, Line, Panel};
use super::shares::{self, Share};

mod layout;
mod style;

use layout::{
    ABOVE, COLUMNS, LEFT, LINE, MARGIN, PLOT, RIGHT, STRIP, STRIP_GAP, STRIP_STEP, WIDTH, escaped,
};

/// Marks of an axis of values, and of the time axis, at most.
const VALUE_MARKS: usize = 4;
const TIME_MARKS: usize = 10;
/// Windows of a flow in which it is told what limited it.
const WINDOWS: i64 = 200;

/// The whole file.
pub fn svg(series: &Series) -> String {
    let mut picture = Picture { series, y: MARGIN, body: String::new() };
    picture.heading();
    let panels = panel::panels(series);
    for panel in &panels {
        picture.panel(panel);
    }
    picture.limits();
    picture.time();
    let height = picture.y + MARGIN - 8;
    let title = escaped(&format!("{}, TCP over time", heading::title(&series.flow)));
    let mut description = vec![heading::completeness(series)];
    description.extend(panels.iter().map(Panel::summary));
    let description = escaped(&description.join(". "));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">{title}</title>\n<desc id=\"description\">{description}.</desc>\n\
         <style>{}</style>\n<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n{}</svg>\n",
        style::STYLE,
        picture.body,
    )
}

struct Picture<'a> {
    series: &'a Series,
    /// Down to where it is drawn.
    y: usize,
    body: String,
}

impl Picture<'_> {
    fn heading(&mut self) {
        let flow = &self.series.flow;
        self.y += 14;
        self.text("title", MARGIN, &heading::title(flow));
        self.y += LINE + 4;
        self.text("name muted", MARGIN, &heading::name(flow));
        let count = self.series.snapshots.count();
        let lines = [
            Some(heading::origin(flow)),
            Some(heading::completeness(self.series)),
            heading::reduction(count, COLUMNS),
            heading::remark(flow).map(str::to_owned),
        ];
        for line in lines.into_iter().flatten().filter(|line| !line.is_empty()) {
            self.y += LINE;
            self.text("muted", MARGIN, &line);
        }
    }

    /// Lines over time, with their names above and a scale at their left.
    fn panel(&mut self, panel: &Panel) {
        let axis = panel.axis(VALUE_MARKS);
        let unit = axis.as_ref().map_or("not known", Axis::unit);
        self.y += ABOVE;
        self.text("heading", LEFT, &format!("{}, {unit}", panel.title));
        self.y += 10;
        let mut names = Vec::new();
        for (line, class) in panel.lines.iter().zip(["first", "second"]) {
            let absent = if line.is_known() { "" } else { " (none)" };
            names.push((class, format!("{}{absent}", line.name)));
        }
        self.legend(&names, |class, x, y| {
            format!("<path class=\"line {class}\" d=\"M{x} {y}h18\"/>\n")
        });
        self.frame();
        if let Some(axis) = axis {
            for (share, label) in axis.marks() {
                self.mark(share, &label);
            }
            for (line, class) in panel.lines.iter().zip(["first", "second"]) {
                self.line(line, class, &axis);
            }
        }
        self.y += PLOT;
    }

    /// A step for each column: up to its highest, down to its lowest, and on from
    /// the last of its values.
    fn line(&mut self, line: &Line, class: &str, axis: &Axis) {
        let extents = line.extents(self.series.snapshots.duration_us(), COLUMNS);
        let height = |value: f64| self.y as f64 + PLOT as f64 * (1.0 - axis.share(value));
        let mut path = String::new();
        let mut at: Option<f64> = None;
        for (x, extent) in (LEFT..).zip(&extents) {
            let Some(extent) = extent else {
                at = None;
                continue;
            };
            let (lowest, highest) = (height(extent.lowest), height(extent.highest));
            let last = extent.last.map(height);
            let mut position = *at.get_or_insert_with(|| {
                let _ = write!(path, "M{x} {lowest:.1}");
                lowest
            });
            for target in [lowest, highest, last.unwrap_or(highest)] {
                if (target - position).abs() >= 0.05 {
                    let _ = write!(path, "V{target:.1}");
                    position = target;
                }
            }
            let _ = write!(path, "H{}", x + 1);
            at = last.map(|_| position);
        }
        let path = shortened(&path);
        let name = escaped(&line.name);
        if !path.is_empty() {
            let _ = writeln!(
                self.body,
                "<path class=\"line {class}\" d=\"{path}\"><title>{name}</title></path>"
            );
        }
    }

    /// Shares of time, one above the other to all of it, and strips below them.
    fn limits(&mut self) {
        let snapshots = &self.series.snapshots;
        let window_us = panel::window_us(snapshots, WINDOWS);
        let limits = shares::limits(snapshots, window_us);
        let is_known = limits.iter().all(Share::is_known);
        self.y += ABOVE;
        let unit = if is_known { "share of time" } else { "not known" };
        self.text("heading", LEFT, &format!("Limited by, {unit}"));
        self.y += 10;
        let names: Vec<_> =
            limits.iter().map(|share| (share.name, share.words.to_owned())).collect();
        self.legend(&names, |class, x, y| {
            let y = y - 5;
            format!(
                "<rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"10\" height=\"10\"/>\n",
                x + 8
            )
        });
        self.frame();
        if is_known {
            for (share, label) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
                self.mark(share, label);
            }
            self.stack(&limits);
        }
        self.y += PLOT + STRIP_GAP;
        let app_limited = shares::app_limited(snapshots, window_us);
        let columns = app_limited.extents(snapshots.duration_us(), COLUMNS);
        let is_limited = |it: &Option<Extent>| it.is_some_and(|it| it.highest > 0.0);
        let columns: Vec<_> = columns.iter().map(is_limited).collect();
        self.strip("app-limited", "app-limited", app_limited.words, &columns);
        let missed = shares::missed(snapshots, COLUMNS);
        self.strip("missed", "missed", "polls that were due and not made", &missed);
    }

    fn stack(&mut self, limits: &[Share; 4]) {
        let duration_us = self.series.snapshots.duration_us();
        let extents = limits.each_ref().map(|share| share.extents(duration_us, COLUMNS));
        let column = |x: usize| {
            let shares =
                extents.each_ref().map(|share| share[x].map(|it| it.last.unwrap_or(it.highest)));
            let [Some(a), Some(b), Some(c), Some(d)] = shares else { return None };
            Some([a, b, c, d])
        };
        let columns: Vec<_> = (0..COLUMNS).map(column).collect();
        let mut x = LEFT;
        for run in columns.chunk_by(|one, next| one == next) {
            if let Some(shares) = run.first().copied().flatten() {
                // Jiffies of the kernel make it a little more or less than all.
                let all = shares.iter().sum::<f64>().max(f64::MIN_POSITIVE);
                let mut bottom = (self.y + PLOT) as f64;
                for (share, limit) in shares.iter().zip(limits) {
                    let height = share / all * PLOT as f64;
                    bottom -= height;
                    if height >= 0.05 {
                        let _ = writeln!(
                            self.body,
                            "<rect class=\"{}\" x=\"{x}\" y=\"{bottom:.1}\" width=\"{}\" height=\"{height:.1}\"/>",
                            limit.name,
                            run.len(),
                        );
                    }
                }
            }
            x += run.len();
        }
    }

    /// A row of marks, where a column has one.
    fn strip(&mut self, class: &str, name: &str, words: &str, columns: &[bool]) {
        self.y += STRIP_STEP;
        let y = self.y - STRIP;
        let label = self.y - 1;
        let _ = writeln!(
            self.body,
            "<g><title>{words}</title><text class=\"muted small end\" x=\"{}\" y=\"{label}\">{name}</text>\n\
             <rect class=\"plot\" x=\"{LEFT}\" y=\"{y}\" width=\"{COLUMNS}\" height=\"{STRIP}\"/>",
            LEFT - 8,
        );
        let mut x = LEFT;
        for run in columns.chunk_by(|one, next| one == next) {
            if run.first() == Some(&true) {
                let _ = writeln!(
                    self.body,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{STRIP}\"/>",
                    run.len(),
                );
            }
            x += run.len();
        }
        self.body.push_str("</g>\n");
    }

    /// The axis below all of them.
    fn time(&mut self) {
        self.y += LINE + 2;
        for (share, label) in axis::seconds(self.series.snapshots.duration_us(), TIME_MARKS) {
            let x = LEFT + (share * COLUMNS as f64) as usize;
            self.text("muted small middle", x, &label);
        }
        self.y += LINE;
        self.text(
            "muted small middle",
            usize::midpoint(LEFT, RIGHT),
            "seconds since the connection was first seen",
        );
    }

    /// The area of a plot from here down, with lines at the marks of time.
    fn frame(&mut self) {
        let (y, bottom) = (self.y, self.y + PLOT);
        let _ = writeln!(
            self.body,
            "<rect class=\"plot\" x=\"{LEFT}\" y=\"{y}\" width=\"{COLUMNS}\" height=\"{PLOT}\"/>"
        );
        for (share, _) in axis::seconds(self.series.snapshots.duration_us(), TIME_MARKS) {
            let x = LEFT as f64 + (share * COLUMNS as f64).floor() + 0.5;
            let _ = writeln!(self.body, "<path class=\"grid\" d=\"M{x} {y}V{bottom}\"/>");
        }
    }

    fn mark(&mut self, share: f64, label: &str) {
        let y = self.y as f64 + (PLOT as f64 * (1.0 - share)).round() + 0.5;
        let class = if share == 0.0 { "edge" } else { "grid" };
        let _ = writeln!(
            self.body,
            "<path class=\"{class}\" d=\"M{LEFT} {y}H{RIGHT}\"/>\n\
             <text class=\"muted small end\" x=\"{}\" y=\"{}\">{}</text>",
            LEFT - 8,
            y + 3.5,
            escaped(label),
        );
    }

    /// Names at the right of the title, each behind what `sample` draws of its
    /// class at (x, y), 26 pixels wide.
    fn legend(&mut self, names: &[(&str, String)], sample: impl Fn(&str, usize, usize) -> String) {
        let width = |name: &str| layout::width(name) + 26 + 16;
        let all: usize = names.iter().map(|(_, name)| width(name)).sum();
        let mut x = RIGHT.saturating_sub(all);
        let y = self.y - 10;
        for (class, name) in names {
            self.body += &sample(class, x, y - 4);
            let _ = writeln!(
                self.body,
                "<text class=\"muted small\" x=\"{}\" y=\"{y}\">{}</text>",
                x + 26,
                escaped(name),
            );
            x += width(name);
        }
    }

    fn text(&mut self, class: &str, x: usize, text: &str) {
        let (y, text) = (self.y, escaped(text));
        let _ = writeln!(self.body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>");
    }
}

/// Of steps to the right in a row the last one is enough.
fn shortened(path: &str) -> String {
    let mut short = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(start) = rest.find('H') {
        short += &rest[..start];
        let end = rest[start + 1..].find(|letter: char| !letter.is_ascii_digit());
        let Some(end) = end.map(|end| start + 1 + end) else {
            return short + &rest[start..];
        };
        if !rest[end..].starts_with('H') {
            short += &rest[start..end];
        }
        rest = &rest[end..];
    }
    short + rest
}
