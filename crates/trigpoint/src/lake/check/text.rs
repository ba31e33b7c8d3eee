//! A report for people: what is there, then what is wrong.

use std::fmt::Write as _;

use trigpoint_lake::check::{Batches, Finding, Orphan, Report, TableReport};

/// Findings of one kind that are printed; JSON has all of them.
const PRINTED: usize = 20;
const HEADINGS: [&str; 7] =
    ["table", "version", "files", "rows", "bytes", "orphans", "quarantined"];

pub(super) fn of(report: &Report) -> String {
    let mut text = tables(&report.tables);
    text.push_str(&batches(&report.batches));
    for table in &report.tables {
        if let Some(date) = &table.retained_before {
            let _ = writeln!(text, "Rows of {} before {date} were retained away.", table.name);
        }
    }
    text.push('\n');
    if report.is_clean() {
        text.push_str("Nothing is wrong.\n");
    }
    let mut kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
    kinds.dedup();
    for kind in kinds {
        let findings: Vec<_> = report.findings.iter().filter(|f| f.kind == kind).collect();
        let _ = writeln!(text, "{} ({})", capital(kind.words()), findings.len());
        for Finding { object, detail, .. } in findings.iter().take(PRINTED) {
            let _ = writeln!(text, "  {object}\n      {detail}");
        }
        if findings.len() > PRINTED {
            let more = findings.len() - PRINTED;
            let _ = writeln!(text, "  … and {more} more: --format json has all of them");
        }
    }
    for reason in &report.not_judged {
        let _ = writeln!(text, "Not judged: {reason}.");
    }
    text
}

/// Aligned: names to the left, numbers to the right.
fn tables(tables: &[TableReport]) -> String {
    if tables.is_empty() {
        return "There is no table yet.\n".to_owned();
    }
    let mut rows: Vec<[String; 7]> = vec![HEADINGS.map(str::to_owned)];
    rows.extend(tables.iter().map(row));
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            let _ = writeln!(text, "{}", rules.join("  "));
        }
    }
    text
}

fn row(table: &TableReport) -> [String; 7] {
    [
        table.name.to_owned(),
        table.version.map_or("?".to_owned(), |version| version.to_string()),
        grouped(table.files),
        grouped(table.rows),
        grouped(table.bytes),
        orphans(&table.orphans),
        grouped(table.quarantined),
    ]
}

fn orphans(orphans: &[Orphan]) -> String {
    let oldest = orphans.iter().map(|orphan| orphan.age_s).max();
    match oldest {
        None => "0".to_owned(),
        Some(age) => format!("{} (oldest {})", grouped(orphans.len() as u64), duration(age)),
    }
}

fn batches(batches: &Batches) -> String {
    let mut text = format!(
        "{} of {}",
        counted(batches.stored, "batch", "batches"),
        counted(batches.spools, "spool", "spools")
    );
    if batches.recorded_lost > 0 {
        let _ = write!(text, ", {} recorded as lost", grouped(batches.recorded_lost));
    }
    if batches.quarantined > 0 {
        let _ = write!(text, ", {} in quarantine", grouped(batches.quarantined));
    }
    text + ".\n"
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One unit is enough to tell a crash from a commit on its way.
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
