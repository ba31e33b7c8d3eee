//! Cells of a terminal: a line of braille dots, two columns and four rows of them
//! to a cell, and a second line of box-drawing characters where no dots are.

use crate::series::extent::Extent;

/// Of U+2800, by column and row of the dot within its cell.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

pub(super) struct Canvas {
    width: usize,
    height: usize,
    dots: Vec<u32>,
    lines: Vec<Option<char>>,
}

/// What a cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Empty,
    Dots(char),
    Line(char),
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let cells = width * height;
        Self { width, height, dots: vec![0; cells], lines: vec![None; cells] }
    }

    /// Draws extents, two for each cell of the width; `share` says how high a
    /// value is, from 0 to 1.
    pub(super) fn dots(&mut self, extents: &[Option<Extent>], share: impl Fn(f64) -> f64) {
        let rows = self.height * 4;
        for (x, extent) in extents.iter().enumerate() {
            let Some(extent) = extent else { continue };
            for y in row(share(extent.highest), rows)..=row(share(extent.lowest), rows) {
                let cell = y / 4 * self.width + x / 2;
                if let Some(dots) = self.dots.get_mut(cell) {
                    *dots |= DOTS[x % 2][y % 4];
                }
            }
        }
    }

    /// Draws extents, one for each cell of the width.
    pub(super) fn line(&mut self, extents: &[Option<Extent>], share: impl Fn(f64) -> f64) {
        for (x, extent) in extents.iter().enumerate() {
            let Some(extent) = extent else { continue };
            let (top, bottom) =
                (row(share(extent.highest), self.height), row(share(extent.lowest), self.height));
            let mark = if top == bottom { '─' } else { '│' };
            for y in top..=bottom {
                if let Some(cell) = self.lines.get_mut(y * self.width + x) {
                    *cell = Some(mark);
                }
            }
        }
    }

    /// The cells of each row, from the top.
    pub(super) fn rows(&self) -> impl Iterator<Item = Vec<Cell>> + '_ {
        (0..self.height).map(|y| (0..self.width).map(|x| self.cell(y * self.width + x)).collect())
    }

    fn cell(&self, at: usize) -> Cell {
        match (self.dots[at], self.lines[at]) {
            (0, None) => Cell::Empty,
            (0, Some(mark)) => Cell::Line(mark),
            (dots, _) => char::from_u32(0x2800 + dots).map_or(Cell::Empty, Cell::Dots),
        }
    }
}

/// The row of `rows` from the top in which a share of the height lies.
fn row(share: f64, rows: usize) -> usize {
    let last = rows.saturating_sub(1);
    last - ((share * last as f64).round() as usize).min(last)
}
