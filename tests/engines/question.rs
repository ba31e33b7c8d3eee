//! What engines are asked: of every column how many values it has, of every
//! integer the sum, of every time the latest; inside of structs and of lists too.

use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};
use trigpoint_testkit::run;

use crate::DEADLINE;

/// How SQL differs between engines, as far as it matters here.
pub(crate) struct Dialect {
    quote: char,
    /// Whether fields are named as `a.b`, not as `a['b']`.
    has_dots: bool,
    /// Rows from a list.
    unnest: &'static str,
    length: &'static str,
    /// Microseconds since the epoch of a time that stands for `{}`.
    micros: &'static str,
}

pub(crate) const DATAFUSION: Dialect = Dialect {
    quote: '"',
    has_dots: false,
    unnest: "unnest",
    length: "array_length",
    micros: "CAST({} AS BIGINT)",
};
pub(crate) const DUCKDB: Dialect = Dialect {
    quote: '"',
    has_dots: false,
    unnest: "unnest",
    length: "len",
    micros: "epoch_us({})",
};
pub(crate) const CLICKHOUSE: Dialect = Dialect {
    quote: '`',
    has_dots: true,
    unnest: "arrayJoin",
    length: "length",
    micros: "toUnixTimestamp64Micro({})",
};
pub(crate) const SPARK: Dialect = Dialect {
    quote: '`',
    has_dots: true,
    unnest: "explode",
    length: "size",
    micros: "unix_micros({})",
};

/// A table and the questions about it.
pub(crate) struct Asked {
    pub(crate) name: String,
    questions: Vec<Question>,
}

/// One figure.
struct Question {
    /// The list that the values are in, if they are.
    list: Option<String>,
    /// From the row, or from the item of the list, down to the value.
    path: Vec<String>,
    operation: Operation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Count,
    Sum,
    Latest,
    /// Items of all lists of the column.
    Length,
}

/// A column as `trigpoint tables --format json` describes it.
#[derive(Deserialize)]
struct Column {
    name: String,
    kind: String,
    #[serde(default)]
    fields: Vec<Column>,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    columns: Vec<Column>,
}

/// The questions about every table.
pub(crate) fn all(executable: &str) -> Vec<Asked> {
    let tables = run(Command::new(executable).args(["tables", "--format", "json"]), DEADLINE);
    let tables: Vec<Table> = serde_json::from_str(&tables.expect_code(0).stdout).unwrap();
    let asked = |table: Table| {
        let mut questions = Vec::new();
        for column in &table.columns {
            ask(column, None, &[], &mut questions);
        }
        Asked { name: table.name, questions }
    };
    tables.into_iter().map(asked).collect()
}

fn ask(column: &Column, list: Option<&str>, above: &[String], questions: &mut Vec<Question>) {
    let path = [above, std::slice::from_ref(&column.name)].concat();
    let mut add = |operation| {
        let list = list.map(str::to_owned);
        questions.push(Question { list, path: path.clone(), operation });
    };
    match column.kind.as_str() {
        "int" => [Operation::Count, Operation::Sum].into_iter().for_each(add),
        "time" => [Operation::Count, Operation::Latest].into_iter().for_each(add),
        "float" | "text" | "bytes" | "bool" | "date" => add(Operation::Count),
        "struct" => {
            for field in &column.fields {
                ask(field, list, &path, questions);
            }
        }
        // In the items of a list there are lists of numbers only.
        "list of int" => add(Operation::Length),
        kind if kind.starts_with("list of ") && list.is_none() && above.is_empty() => {
            add(Operation::Length);
            for field in &column.fields {
                ask(field, Some(&column.name), &[], questions);
            }
        }
        "map" => {}
        kind => panic!("what to ask of {path:?}, {kind}?"),
    }
}

impl Question {
    fn key(&self) -> String {
        let operation = match self.operation {
            Operation::Count => "count",
            Operation::Sum => "sum",
            Operation::Latest => "latest",
            Operation::Length => "length",
        };
        let list = self.list.iter().map(String::as_str);
        let path = self.path.iter().map(String::as_str);
        [operation].into_iter().chain(list).chain(path).collect::<Vec<_>>().join("__")
    }

    fn sql(&self, dialect: &Dialect) -> String {
        let item = self.list.iter().map(|_| "item");
        let value =
            dialect.field(&item.chain(self.path.iter().map(String::as_str)).collect::<Vec<_>>());
        let figure = match self.operation {
            Operation::Count => format!("count({value})"),
            Operation::Sum => format!("sum({value})"),
            Operation::Latest => dialect.micros.replace("{}", &format!("max({value})")),
            Operation::Length => format!("sum({}({value}))", dialect.length),
        };
        format!("{figure} AS {}", self.key())
    }
}

impl Dialect {
    fn field(&self, path: &[&str]) -> String {
        let quote = self.quote;
        let mut fields = path.iter();
        let first = fields.next().map_or(String::new(), |name| format!("{quote}{name}{quote}"));
        fields.fold(first, |above, name| {
            if self.has_dots {
                format!("{above}.{quote}{name}{quote}")
            } else {
                format!("{above}['{name}']")
            }
        })
    }
}

impl Asked {
    /// One query of the rows, and one of the items of each list.
    pub(crate) fn queries(&self, dialect: &Dialect) -> Vec<String> {
        let mut lists: Vec<Option<&str>> =
            self.questions.iter().map(|question| question.list.as_deref()).collect();
        lists.sort_unstable();
        lists.dedup();
        let query = |list: Option<&str>| {
            let figures = self.questions.iter().filter(|question| question.list.as_deref() == list);
            let mut figures: Vec<String> = figures.map(|figure| figure.sql(dialect)).collect();
            let name = &self.name;
            let rows = match list {
                None => {
                    figures.push("count(*) AS row_count".to_owned());
                    name.clone()
                }
                Some(list) => {
                    let (unnest, list) = (dialect.unnest, dialect.field(&[list]));
                    format!("(SELECT {unnest}({list}) AS item FROM {name}) AS items")
                }
            };
            format!("SELECT {} FROM {rows}", figures.join(", "))
        };
        lists.into_iter().map(query).collect()
    }

    /// The same for an engine without SQL.
    pub(crate) fn questions(&self) -> Vec<Value> {
        let question = |question: &Question| {
            let operation = match question.operation {
                Operation::Count => "count",
                Operation::Sum => "sum",
                Operation::Latest => "latest",
                Operation::Length => "length",
            };
            json!({
                "key": question.key(),
                "list": question.list,
                "path": question.path,
                "operation": operation,
            })
        };
        self.questions.iter().map(question).collect()
    }
}
