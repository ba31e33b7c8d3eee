//! A query's mistake in words that help: the nearest name there is.

use datafusion::common::{SchemaError, TableReference};
use datafusion::error::DataFusionError;
use trigpoint_record::Table;

use super::QueryError;

/// Names less similar than this (0 to 1, Jaro-Winkler) are no suggestion.
const SIMILAR: f64 = 0.7;

/// The end of a message about an unknown name.
pub(super) fn hint(nearest: Option<&str>, all: &[String]) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None if all.is_empty() => String::new(),
        None => format!("; there are {}", all.join(", ")),
    }
}

pub(super) fn unknown_table(name: &TableReference, tables: &[&'static Table]) -> QueryError {
    let tables: Vec<String> = tables.iter().map(|table| table.name.to_owned()).collect();
    let nearest = nearest(name.table(), tables.iter().map(String::as_str));
    QueryError::UnknownTable { name: name.to_string(), nearest, tables }
}

/// DataFusion's error in our words; `columns` are those of the query's tables.
pub(super) fn explain(error: &DataFusionError, columns: &[&str]) -> QueryError {
    if let DataFusionError::SchemaError(schema, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref()
    {
        let name = field.name();
        let valid = valid_fields.iter().map(|column| column.name.as_str());
        let nearest = nearest(name, valid.chain(columns.iter().copied()));
        return QueryError::UnknownColumn { name: name.to_owned(), nearest };
    }
    QueryError::Refused(message(error))
}

/// The error on one line, without DataFusion's own prefixes.
fn message(error: &DataFusionError) -> String {
    let root = error.find_root();
    let text = match root {
        DataFusionError::SQL(error, _) => error.to_string(),
        other => other.strip_backtrace(),
    };
    let prefixes =
        ["Error during planning: ", "sql parser error: ", "This feature is not implemented: "];
    let text = prefixes
        .iter()
        .fold(text.as_str(), |text, prefix| text.strip_prefix(prefix).unwrap_or(text));
    text.lines().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate.to_owned())
}
