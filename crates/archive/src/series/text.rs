//! The picture for a terminal: braille dots and blocks.

use std::fmt::Write as _;

use super::axis;
use super::extent::Extent;
use super::flow::Series;
use super::heading;
use super::panel::{self, Panel};
use super::shares::{self, Share};

mod canvas;

use canvas::{Canvas, Cell};

/// Rows of a panel: an odd number, since half of the height is marked.
const HEIGHT: usize = 7;
/// Left of the plot: the longest name of a share.
const LABELS: usize = 11;
/// A plot is never narrower than this.
const LEAST_PLOT: usize = 24;
/// Room for a mark of the time axis.
const MARK: usize = 10;
/// A jiffy in the shortest window, and a little more: not told from nothing.
const NOTHING: f64 = 0.05;
/// From nothing to all.
const BLOCKS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Colours of ECMA-48, which readers have chosen to suit their background.
#[derive(Clone, Copy)]
enum Colour {
    First = 36,
    Second = 33,
    Network = 34,
    Rwnd = 35,
    Sndbuf = 32,
    Muted = 90,
    Missed = 31,
}

/// Lines of `width` columns, ended by newlines; with escape sequences for colours
/// if they are asked for.
pub fn text(series: &Series, width: usize, coloured: bool) -> String {
    let plot = width.saturating_sub(LABELS + 2).max(LEAST_PLOT);
    let picture = Picture { series, plot, coloured };
    let mut text = picture.heading(width);
    if series.snapshots.count() == 0 {
        return text + "\nThere are no snapshots to draw.\n";
    }
    for panel in panel::panels(series) {
        text += &picture.panel(&panel);
    }
    text += &picture.shares();
    text + &picture.time()
}

struct Picture<'a> {
    series: &'a Series,
    /// Columns of the plot.
    plot: usize,
    coloured: bool,
}

impl Picture<'_> {
    fn heading(&self, width: usize) -> String {
        let flow = &self.series.flow;
        let columns = self.plot * 2;
        let mut lines = vec![heading::title(flow), heading::name(flow)];
        lines.push(heading::origin(flow));
        lines.push(heading::completeness(self.series));
        lines.extend(heading::reduction(self.series.snapshots.count(), columns));
        lines.extend(heading::remark(flow).map(str::to_owned));
        lines.retain(|line| !line.is_empty());
        lines.iter().map(|line| wrapped(line, width)).collect()
    }

    /// A line with the title and the names of the lines, then the plot.
    fn panel(&self, panel: &Panel) -> String {
        let duration_us = self.series.snapshots.duration_us();
        let Some(axis) = panel.axis(2) else {
            return format!("\n{}: not known\n", panel.title);
        };
        let [first, second] = &panel.lines;
        let mut canvas = Canvas::new(self.plot, HEIGHT);
        canvas.line(&second.extents(duration_us, self.plot), |value| axis.share(value));
        canvas.dots(&first.extents(duration_us, self.plot * 2), |value| axis.share(value));

        let names = [(first, "⣿", Colour::First), (second, "─", Colour::Second)].map(
            |(line, mark, colour)| {
                let absent = if line.is_known() { "" } else { " (none)" };
                self.painted(colour, &format!("{mark} {}{absent}", line.name))
            },
        );
        let mut text = format!("\n{}, {}   {}\n", panel.title, axis.unit(), names.join("   "));
        let marks: Vec<_> = axis.marks().collect();
        for (y, cells) in canvas.rows().enumerate() {
            // A mark stands at the row in which its value is drawn.
            let row = |share: f64| HEIGHT - 1 - (share * (HEIGHT - 1) as f64).round() as usize;
            let mark = marks.iter().find(|(share, _)| row(*share) == y);
            let (label, edge) = mark.map_or(("", '│'), |(_, label)| (label.as_str(), '┤'));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{label:>LABELS$} {edge}{}", self.cells(&cells));
        }
        text
    }

    /// A run of cells of one kind is painted at once.
    fn cells(&self, cells: &[Cell]) -> String {
        let mut row = String::new();
        let kind = |cell: &Cell| std::mem::discriminant(cell);
        for run in cells.chunk_by(|one, next| kind(one) == kind(next)) {
            let letters: String = run
                .iter()
                .map(|cell| match cell {
                    Cell::Empty => ' ',
                    Cell::Dots(letter) | Cell::Line(letter) => *letter,
                })
                .collect();
            row += &match run.first() {
                Some(Cell::Dots(_)) => self.painted(Colour::First, &letters),
                Some(Cell::Line(_)) => self.painted(Colour::Second, &letters),
                _ => letters,
            };
        }
        row.trim_end().to_owned()
    }

    /// A row for each share of time.
    fn shares(&self) -> String {
        let snapshots = &self.series.snapshots;
        let window_us = panel::window_us(snapshots, self.plot as i64);
        let limits = shares::limits(snapshots, window_us);
        let app_limited = shares::app_limited(snapshots, window_us);
        let colours = [Colour::Network, Colour::Rwnd, Colour::Sndbuf, Colour::Muted];
        let mut text = "\nLimited by, share of time\n".to_owned();
        let rows = limits.iter().zip(colours).chain([(&app_limited, Colour::Muted)]);
        for (share, colour) in rows {
            text += &self.share(share, colour);
        }
        let missed = shares::missed(snapshots, self.plot);
        if missed.contains(&true) {
            let row: String = missed.iter().map(|it| if *it { '×' } else { ' ' }).collect();
            let row = self.painted(Colour::Missed, row.trim_end());
            let _ = writeln!(text, "{:>LABELS$} │{row}", "missed");
        }
        text
    }

    fn share(&self, share: &Share, colour: Colour) -> String {
        let extents = share.extents(self.series.snapshots.duration_us(), self.plot);
        let row = if share.is_known() {
            let row: String = extents.iter().map(|it| it.as_ref().map_or(' ', block)).collect();
            self.painted(colour, row.trim_end())
        } else {
            "not known".to_owned()
        };
        format!("{:>LABELS$} │{row}\n", share.name)
    }

    /// The axis below all of them.
    fn time(&self) -> String {
        let duration_us = self.series.snapshots.duration_us();
        let mut edge = vec!['─'; self.plot];
        let mut labels = String::new();
        for (share, label) in axis::seconds(duration_us, self.plot / MARK) {
            let at = ((share * self.plot as f64) as usize).min(self.plot - 1);
            edge[at] = '┬';
            let middle = at.saturating_sub(label.chars().count() / 2);
            let gap = middle.saturating_sub(labels.chars().count());
            // Those at the end have no room for half of them.
            if middle + label.chars().count() <= self.plot {
                let _ = write!(labels, "{:gap$}{label}", "");
            }
        }
        let edge: String = edge.into_iter().collect();
        format!("{:>LABELS$} └{edge}\n{:>LABELS$}  {labels}\n", "", "seconds")
    }

    fn painted(&self, colour: Colour, text: &str) -> String {
        if self.coloured && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", colour as u8)
        } else {
            text.to_owned()
        }
    }
}

/// The highest share of a column: what limited the flow for a moment is seen.
fn block(extent: &Extent) -> char {
    if extent.highest < NOTHING {
        return BLOCKS[0];
    }
    let last = BLOCKS.len() - 1;
    BLOCKS[((extent.highest * last as f64).ceil() as usize).min(last)]
}

/// Broken between words, where it is too long.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut();
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}
