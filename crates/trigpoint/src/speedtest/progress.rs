//! The figures of a running test: a bar on a terminal, lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use trigpoint_speedtest::Progress;

use super::summary::rate;

/// What the server's clock runs to; the bar is full then.
const USUAL_LENGTH: Duration = Duration::from_secs(10);

/// Where progress is shown.
pub(crate) enum Display {
    Hidden,
    Bar { bar: Option<ProgressBar>, direction: &'static str },
    Lines { direction: &'static str, last_second: u64 },
}

impl Display {
    /// Nothing is shown.
    pub(crate) fn hidden() -> Self {
        Self::Hidden
    }

    /// A bar where stderr is a terminal, otherwise a line per second.
    pub(crate) fn on_stderr() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bar { bar: None, direction: "" }
        } else {
            Self::Lines { direction: "", last_second: 0 }
        }
    }

    /// Shows how far the test is.
    pub(crate) fn show(&mut self, progress: Progress) {
        let name = progress.direction.as_str();
        match self {
            Self::Hidden => {}
            Self::Bar { bar, direction } => {
                if *direction != name {
                    finish(bar.take());
                    *direction = name;
                }
                let bar = bar.get_or_insert_with(|| new_bar(name));
                bar.set_position(progress.elapsed.min(USUAL_LENGTH).as_millis() as u64);
                bar.set_message(rate(progress.bits_per_second));
            }
            Self::Lines { direction, last_second } => {
                if *direction != name {
                    *direction = name;
                    *last_second = 0;
                }
                let second = progress.elapsed.as_secs();
                if second > *last_second {
                    *last_second = second;
                    let rate = rate(progress.bits_per_second);
                    // A closed stderr must not end the test.
                    let _ = writeln!(std::io::stderr(), "{name:<8}  {second:>2} s  {rate:>14}");
                }
            }
        }
    }

    /// Leaves the terminal as the last figures were.
    pub(crate) fn finish(&mut self) {
        if let Self::Bar { bar, .. } = self {
            finish(bar.take());
        }
    }
}

fn new_bar(name: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(
        Some(USUAL_LENGTH.as_millis() as u64),
        ProgressDrawTarget::stderr(),
    );
    // The template is a constant: if it were wrong, the default style shows.
    if let Ok(style) = ProgressStyle::with_template("{prefix:<8}  {bar:40}  {msg:>14}") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.set_prefix(name);
    bar
}

fn finish(bar: Option<ProgressBar>) {
    // The summary repeats the figures: an old bar would only be in its way.
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}
