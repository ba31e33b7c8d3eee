//! Colours on light and on dark, with a contrast of at least 4.5 for text.

/// Rules for the classes of the picture.  No variables: not every viewer of SVG
/// files has them.
pub(super) const STYLE: &str = "
text{font:13px system-ui,sans-serif;fill:#1f2328}
.title{font-size:20px;font-weight:600}
.name{font:13px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
.small{font-size:11.5px}
.middle{text-anchor:middle}
.muted{fill:#59636e}
.warning{fill:#8a5a00;font-weight:600}
.page{fill:#ffffff}
.diamond{fill:#0969da;fill-opacity:.07}
.box{fill:#f6f8fa;stroke:#8c959f;stroke-width:1.2}
.source{stroke:#1f2328;stroke-width:1.6}
.target{fill:#dafbe1;stroke:#1a7f37;stroke-width:1.6}
.limited{stroke:#bf8700;stroke-width:1.6}
.star{fill:none;stroke-dasharray:4 3}
.link{fill:none;stroke:#6e7781;stroke-width:1.4}
.silent{stroke-dasharray:4 3}
.unknown{stroke-dasharray:1 4;stroke-linecap:round}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.muted{fill:#9198a1}
.warning{fill:#e3b341}
.page{fill:#0d1117}
.diamond{fill:#58a6ff;fill-opacity:.1}
.box{fill:#161b22;stroke:#6e7681}
.source{stroke:#e6edf3}
.target{fill:#12261e;stroke:#3fb950}
.limited{stroke:#d29922}
.star{fill:none}
.link{stroke:#8b949e}
}
";
