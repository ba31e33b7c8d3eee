//! Text that is drawn again in its place on a terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};

use terminal_size::{Height, Width, terminal_size};

/// Where a running trace is shown.
pub(super) struct Screen {
    output: Option<Box<dyn Write + Send>>,
    /// Lines that are drawn.
    drawn: usize,
}

impl Screen {
    /// Nothing is shown.
    pub(super) fn hidden() -> Self {
        Self { output: None, drawn: 0 }
    }

    /// Stdout where it is a terminal; stderr where the result goes elsewhere.
    pub(super) fn of_terminal() -> Self {
        let output: Option<Box<dyn Write + Send>> = if io::stdout().is_terminal() {
            Some(Box::new(io::stdout()))
        } else if io::stderr().is_terminal() {
            Some(Box::new(io::stderr()))
        } else {
            None
        };
        Self { output, drawn: 0 }
    }

    pub(super) fn is_shown(&self) -> bool {
        self.output.is_some()
    }

    /// Draws the text over the one before.
    pub(super) fn show(&mut self, text: &str) {
        let (width, height) = terminal_size().map_or((80, 24), |(Width(width), Height(height))| {
            (usize::from(width), usize::from(height))
        });
        let lines = fitted(text, width, height);
        let mut drawing = self.erasure();
        for line in &lines {
            // Writing to a string cannot fail.
            let _ = writeln!(drawing, "{line}");
        }
        self.drawn = lines.len();
        self.write(&drawing);
    }

    /// Leaves the terminal as it was.
    pub(super) fn clear(&mut self) {
        let erasure = self.erasure();
        self.drawn = 0;
        self.write(&erasure);
    }

    /// Up to the first line that is drawn, and everything from there on gone
    /// (ECMA-48: CUU, ED).
    fn erasure(&self) -> String {
        match self.drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }

    fn write(&mut self, text: &str) {
        let Some(output) = &mut self.output else { return };
        if output.write_all(text.as_bytes()).and_then(|()| output.flush()).is_err() {
            // A closed terminal must not end the trace.
            self.output = None;
        }
    }
}

/// Lines that neither wrap nor scroll: otherwise they could not be found again.
/// The last one is kept, since it says how far the trace is.
fn fitted(text: &str, width: usize, height: usize) -> Vec<String> {
    let mut lines: Vec<_> =
        text.lines().map(|line| line.chars().take(width).collect::<String>()).collect();
    let room = height.saturating_sub(1).max(2);
    if lines.len() > room {
        let hidden = lines.len() - room;
        lines.drain(room - 2..lines.len() - 1);
        lines.insert(room - 2, format!("… {} more lines", hidden + 1));
    }
    lines
}
