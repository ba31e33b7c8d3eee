//! Where everything is, in pixels.

/// Of the whole picture.
pub(super) const WIDTH: usize = 960;
/// Edges of the plots.
pub(super) const LEFT: usize = 84;
pub(super) const RIGHT: usize = WIDTH - 28;
/// Columns of a plot: one to a pixel.
pub(super) const COLUMNS: usize = RIGHT - LEFT;
/// Around the picture.
pub(super) const MARGIN: usize = 28;
/// From one line of the heading to the next.
pub(super) const LINE: usize = 20;
/// Height of a plot.
pub(super) const PLOT: usize = 116;
/// Above a plot: the space to what is above it, and its title.
pub(super) const ABOVE: usize = 44;
/// Height of a strip, from one to the next, and between them and a plot.
pub(super) const STRIP: usize = 10;
pub(super) const STRIP_STEP: usize = 18;
pub(super) const STRIP_GAP: usize = 6;

/// About the width of a text of 11.5 pixels in the wider fonts.
pub(super) fn width(text: &str) -> usize {
    text.chars().count() * 7
}

/// Text and attributes of XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
