//! Results for people: aligned columns, or one value to a line when a row is
//! wider than the terminal (100 columns side by side cannot be read) and
//! cutting its widest value does not help.

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef};
use futures::TryStreamExt as _;

use super::{Format, FormatError, cell};
use crate::session::Answer;

/// Rows that decide the widths of the columns; those after them are written as
/// they arrive.
const MEASURED_ROWS: usize = 1000;
/// A column may be cut to no less than this to keep rows side by side.
const CUT_WIDTH: usize = 32;
/// Between two columns.
const GAP: &str = "  ";
const NULL: &str = "NULL";

/// Rows as text, by column.
type Block = Vec<Vec<Option<String>>>;

pub(super) async fn write(
    answer: Answer,
    width: Option<usize>,
    output: &mut (dyn Write + Send),
) -> Result<u64, FormatError> {
    let fields: Vec<FieldRef> = answer.schema().fields().iter().map(Arc::clone).collect();
    let mut batches = answer.into_stream();

    let mut measured: Vec<Block> = Vec::new();
    let mut rows = 0;
    while rows < MEASURED_ROWS
        && let Some(batch) = batches.try_next().await?
    {
        rows += batch.num_rows();
        measured.push(block(&fields, &batch)?);
    }
    let layout = Layout::choose(widths(&fields, &measured), has_lines(&measured), width);

    layout.start(&fields, output)?;
    let mut written = 0;
    for block in &measured {
        written += layout.block(&fields, block, written, output)?;
    }
    while let Some(batch) = batches.try_next().await? {
        written += layout.block(&fields, &block(&fields, &batch)?, written, output)?;
    }
    writeln!(output, "({written} row{})", if written == 1 { "" } else { "s" })?;
    Ok(written)
}

fn block(fields: &[FieldRef], batch: &RecordBatch) -> Result<Block, FormatError> {
    fields
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| cell::text(field, column))
        .collect::<Result<_, _>>()
        .map_err(|error| Format::Table { width: None }.failed(error))
}

fn widths(fields: &[FieldRef], blocks: &[Block]) -> Vec<usize> {
    let mut widths: Vec<usize> = fields.iter().map(|field| columns(field.name())).collect();
    for block in blocks {
        for (width, cells) in widths.iter_mut().zip(block) {
            for cell in cells {
                *width = (*width).max(columns(&shown(cell.as_deref())));
            }
        }
    }
    widths
}

/// Whether a value has several lines, as query plans do.
fn has_lines(blocks: &[Block]) -> bool {
    blocks.iter().flatten().flatten().flatten().any(|cell| cell.contains('\n'))
}

enum Layout {
    /// A row to a line; the cells of at most one column are cut.
    Aligned { widths: Vec<usize>, cut: Option<usize> },
    /// A value to a line.
    Expanded { width: usize },
}

impl Layout {
    fn choose(mut widths: Vec<usize>, has_lines: bool, terminal: Option<usize>) -> Self {
        let line = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        let Some(width) = terminal else { return Self::Aligned { widths, cut: None } };
        if has_lines {
            return Self::Expanded { width };
        }
        if line <= width {
            return Self::Aligned { widths, cut: None };
        }
        let widest = (0..widths.len()).max_by_key(|column| widths[*column]).unwrap_or(0);
        let room = width.saturating_sub(line - widths[widest]);
        if room < CUT_WIDTH {
            return Self::Expanded { width };
        }
        widths[widest] = room;
        Self::Aligned { widths, cut: Some(widest) }
    }

    fn start(&self, fields: &[FieldRef], output: &mut (dyn Write + Send)) -> std::io::Result<()> {
        let Self::Aligned { widths, .. } = self else { return Ok(()) };
        let names: Vec<_> = fields.iter().map(|field| Some(field.name().as_str())).collect();
        line(fields, &names, widths, None, output)?;
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        writeln!(output, "{}", rule.join(GAP))
    }

    fn block(
        &self,
        fields: &[FieldRef],
        block: &Block,
        before: u64,
        output: &mut (dyn Write + Send),
    ) -> std::io::Result<u64> {
        let rows = block.first().map_or(0, Vec::len);
        for row in 0..rows {
            let cells: Vec<_> = block.iter().map(|column| column[row].as_deref()).collect();
            match self {
                Self::Aligned { widths, cut } => line(fields, &cells, widths, *cut, output)?,
                Self::Expanded { width } => {
                    record(fields, &cells, before + row as u64 + 1, *width, output)?;
                }
            }
        }
        Ok(rows as u64)
    }
}

/// One row side by side, numbers to the right.
fn line(
    fields: &[FieldRef],
    cells: &[Option<&str>],
    widths: &[usize],
    cut_column: Option<usize>,
    output: &mut (dyn Write + Send),
) -> std::io::Result<()> {
    let mut text = String::new();
    for (column, ((field, cell), width)) in fields.iter().zip(cells).zip(widths).enumerate() {
        let mut cell = shown(*cell);
        if cut_column == Some(column) {
            cell = cut(&cell, *width);
        }
        let pad = " ".repeat(width.saturating_sub(columns(&cell)));
        let (left, right) =
            if is_number(field.data_type()) { (pad.as_str(), "") } else { ("", pad.as_str()) };
        if !text.is_empty() {
            text.push_str(GAP);
        }
        text.extend([left, &cell, right]);
    }
    writeln!(output, "{}", text.trim_end())
}

/// One row, a value to a line, long values cut at the terminal's width.
fn record(
    fields: &[FieldRef],
    cells: &[Option<&str>],
    number: u64,
    width: usize,
    output: &mut (dyn Write + Send),
) -> std::io::Result<()> {
    let names = fields.iter().map(|field| columns(field.name())).max().unwrap_or(0);
    let title = format!("── row {number} ");
    writeln!(output, "{title}{}", "─".repeat(width.saturating_sub(columns(&title))))?;
    for (field, cell) in fields.iter().zip(cells) {
        let pad = " ".repeat(names - columns(field.name()));
        let room = width.saturating_sub(names + GAP.len());
        write!(output, "{}", field.name())?;
        match cell {
            // Somebody wrote these lines to be read.
            Some(lines) if lines.contains('\n') => {
                writeln!(output)?;
                for line in lines.lines() {
                    writeln!(output, "{GAP}{}", shown(Some(line)))?;
                }
            }
            _ => writeln!(output, "{pad}{GAP}{}", cut(&shown(*cell), room))?,
        }
    }
    Ok(())
}

/// A cell on one line: what would break the line or drive the terminal is
/// escaped (client metadata comes from outside).
fn shown(cell: Option<&str>) -> String {
    let mut text = String::new();
    for character in cell.unwrap_or(NULL).chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// The text in at most `room` columns, with how much there is when it is cut.
fn cut(text: &str, room: usize) -> String {
    let length = columns(text);
    if length <= room {
        return text.to_owned();
    }
    let end = format!("… ({length} characters)");
    let keep = room.saturating_sub(columns(&end)).max(1);
    text.chars().take(keep).chain(end.chars()).collect()
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Columns that the text takes on a terminal, one for each character: names
/// and addresses here are ASCII, and a wide one merely shifts its line.
fn columns(text: &str) -> usize {
    text.chars().count()
}
