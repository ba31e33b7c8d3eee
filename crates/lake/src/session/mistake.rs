//! A query's mistake in words that help: the nearest name there is.

use datafusion::common::{SchemaError, TableReference};
use datafusion::error::DataFusionError;

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

/// A name that is none of `tables`.
pub(super) fn unknown_table(name: &TableReference, tables: &[TableReference]) -> QueryError {
    // Most who miss a view have forgotten or mixed up its schema.
    let table = nearest(name.table(), tables.iter().map(TableReference::table));
    let alike = tables.iter().filter(|it| Some(it.table()) == table.as_deref());
    let alike: Vec<_> = alike.map(ToString::to_string).collect();
    let nearest = nearest(&name.to_string(), alike.iter()).or(alike.first().cloned());
    let tables = tables.iter().map(ToString::to_string).collect();
    QueryError::UnknownTable { name: name.to_string(), nearest, tables }
}

/// DataFusion's error in our words; `columns` are those of the query's tables.
pub(super) fn explain(error: &DataFusionError, columns: &[String]) -> QueryError {
    if let DataFusionError::SchemaError(schema, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref()
    {
        let name = field.name();
        let valid = valid_fields.iter().map(|column| column.name.as_str());
        let nearest = nearest(name, valid.chain(columns.iter().map(String::as_str)));
        return QueryError::UnknownColumn { name: name.to_owned(), nearest };
    }
    match error.find_root() {
        DataFusionError::ResourcesExhausted(reason) => QueryError::TooLarge(one_line(reason)),
        DataFusionError::External(other) if other.is::<QueryError>() => {
            QueryError::Refused(one_line(&other.to_string()))
        }
        _ => QueryError::Refused(message(error)),
    }
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
    one_line(text)
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

fn nearest(name: &str, candidates: impl Iterator<Item = impl Into<String>>) -> Option<String> {
    let name = name.to_lowercase();
    candidates
        .map(Into::into)
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}
