//! Colours on light and on dark: text with a contrast of at least 4.5, and lines
//! that people who see few colours tell apart by dashes.

/// Rules for the classes of the picture; those that it has in common with the
/// picture of a trace look the same.  No variables: not every viewer of SVG files
/// has them.
pub(super) const STYLE: &str = "
text{font:13px system-ui,sans-serif;fill:#1f2328}
.title{font-size:20px;font-weight:600}
.name{font:13px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
.heading{font-weight:600}
.small{font-size:11.5px}
.middle{text-anchor:middle}
.end{text-anchor:end}
.muted{fill:#59636e}
.warning{fill:#8a5a00;font-weight:600}
.page{fill:#ffffff}
.plot{fill:#f6f8fa}
.grid{stroke:#d1d9e0;stroke-width:1}
.edge{stroke:#8c959f;stroke-width:1}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
.first{stroke:#0969da;stroke-width:1.3}
.second{stroke:#bc4c00;stroke-dasharray:5 3}
.network{fill:#54aeff}
.rwnd{fill:#c297ff}
.sndbuf{fill:#4ac26b}
.idle{fill:#d1d9e0}
.app-limited{fill:#818b98}
.missed{fill:#cf222e}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.muted{fill:#9198a1}
.warning{fill:#e3b341}
.page{fill:#0d1117}
.plot{fill:#151b23}
.grid{stroke:#2f3742}
.edge{stroke:#656c76}
.first{stroke:#58a6ff}
.second{stroke:#f0883e}
.network{fill:#1f6feb}
.rwnd{fill:#8957e5}
.sndbuf{fill:#238636}
.idle{fill:#2f3742}
.app-limited{fill:#656c76}
.missed{fill:#f85149}
}
";
