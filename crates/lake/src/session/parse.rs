//! SQL text to statement, with names as the tables have them.
//!
//! DataFusion compares names byte by byte, and before that makes unquoted ones
//! lower case (`datafusion-sql` 55, `expr/identifier.rs`), so that nobody could
//! name `IsValidBest` without quotes.  Here it takes names as they are, and each
//! unquoted word of the text is first spelled as the one column or table that it
//! equals but for case, else in lower case.

use std::collections::{BTreeSet, HashMap};

use datafusion::common::{Result, not_impl_err, plan_datafusion_err, plan_err};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

/// One statement with unquoted names spelled as in `known`.
pub(super) fn spelled(sql: &str, known: &BTreeSet<String>) -> Result<Statement> {
    let dialect = GenericDialect {};
    let mut tokens = tokens(sql, &dialect)?;
    check_operators(&tokens)?;
    number_parameters(&mut tokens);
    for token in &mut tokens {
        if let Some(word) = unquoted(&mut token.token)
            && !known.contains(&word.value)
        {
            let mut alike = known.iter().filter(|name| name.eq_ignore_ascii_case(&word.value));
            word.value = match (alike.next(), alike.next()) {
                (Some(name), None) => name.clone(),
                _ => word.value.to_ascii_lowercase(),
            };
        }
    }
    statement(tokens, &dialect)
}

/// One statement, as it is.
pub(crate) fn as_written(sql: &str, dialect: &dyn Dialect) -> Result<Statement> {
    statement(tokens(sql, dialect)?, dialect)
}

/// Whether it is one of DataFusion's own statements that write or change settings,
/// which would be planned, and refused for a file's name, before they are refused.
pub(super) fn writes(statement: &Statement) -> bool {
    match statement {
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => true,
        Statement::Explain(explained) => writes(&explained.statement),
        Statement::Statement(_) => false,
    }
}

/// How the text spells the names that it gives (after AS) and the fields that it
/// takes (after a dot), by their lower case, where they are spelled otherwise.
///
/// A name that it gives is spelled so whatever fields there are:
/// `client.Network.ASName AS network` is `network`.
pub(super) fn given_names(sql: &str) -> HashMap<String, String> {
    let (mut given, mut taken) = (HashMap::new(), HashMap::new());
    let (mut is_given, mut is_taken) = (false, false);
    // A text that is no SQL has been refused before.
    for mut token in tokens(sql, &GenericDialect {}).unwrap_or_default() {
        if let Some(word) = unquoted(&mut token.token) {
            let spelling = || word.value.clone();
            if is_given {
                given.entry(word.value.to_ascii_lowercase()).or_insert_with(spelling);
            } else if is_taken {
                taken.entry(word.value.to_ascii_lowercase()).or_insert_with(spelling);
            }
            (is_given, is_taken) = (word.value.eq_ignore_ascii_case("as"), false);
        } else if !matches!(token.token, Token::Whitespace(_)) {
            (is_given, is_taken) = (false, token.token == Token::Period);
        }
    }
    taken.extend(given);
    taken.retain(|lower, spelling| lower != spelling);
    taken
}

/// Refuses chains as long as `1 + 1 + 1 …` can be: the planner names each of their parts
/// by its text, and 15,000 parts took minutes.  Lists after IN are no chains.
fn check_operators(tokens: &[TokenWithSpan]) -> Result<()> {
    const MOST: usize = 1000;
    let operators = tokens.iter().filter(|token| is_operator(&token.token)).count();
    if operators > MOST {
        return plan_err!("the statement has {operators} operators, and may have {MOST}");
    }
    Ok(())
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            let chains = ["and", "or", "is", "union", "intersect", "except"];
            word.quote_style.is_none()
                && chains.iter().any(|it| word.value.eq_ignore_ascii_case(it))
        }
        Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod
        | Token::StringConcat
        | Token::Ampersand
        | Token::Pipe
        | Token::Caret
        | Token::Eq
        | Token::DoubleEq
        | Token::Neq
        | Token::Lt
        | Token::Gt
        | Token::LtEq
        | Token::GtEq
        | Token::DoubleColon
        | Token::LBracket => true,
        _ => false,
    }
}

/// Makes `$1`, `$2` and so on of each `?`, as JDBC writes parameters.
fn number_parameters(tokens: &mut [TokenWithSpan]) {
    let mut number = 0;
    for token in tokens {
        let is_parameter = match &token.token {
            Token::Question => true,
            Token::Placeholder(name) => name == "?",
            _ => false,
        };
        if is_parameter {
            number += 1;
            token.token = Token::Placeholder(format!("${number}"));
        }
    }
}

fn unquoted(token: &mut Token) -> Option<&mut Word> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word),
        _ => None,
    }
}

fn tokens(sql: &str, dialect: &dyn Dialect) -> Result<Vec<TokenWithSpan>> {
    Ok(Tokenizer::new(dialect, sql).tokenize_with_location().map_err(ParserError::from)?)
}

fn statement(tokens: Vec<TokenWithSpan>, dialect: &dyn Dialect) -> Result<Statement> {
    let mut parser = DFParserBuilder::new(tokens).with_dialect(dialect).build()?;
    let mut statements = parser.parse_statements()?;
    if statements.len() > 1 {
        return not_impl_err!("ask one statement at a time");
    }
    statements
        .pop_front()
        .ok_or_else(|| plan_datafusion_err!("No SQL statements were provided in the query string"))
}
