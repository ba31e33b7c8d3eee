//! Columns of an answer are called after the fields that they hold, and derived
//! tables have names.
//!
//! `SELECT a.MinRTT` gives `MinRTT`, as in BigQuery, Spark and DuckDB, also for
//! the query around it.  DataFusion calls it `ndt.unified_downloads.a[MinRTT]`.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr as Planned, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, ObjectName, OrderByKind, Query, Select, SelectItem, SetExpr,
    Subscript, TableAlias, TableFactor, Value, VisitMut as _, VisitorMut,
};

/// Gives each selected field that has no name its own.
pub(super) fn name_fields(statement: &mut Statement) {
    match statement {
        Statement::Statement(statement) => {
            let _ = statement.visit(&mut Names::default());
        }
        Statement::Explain(explain) => name_fields(&mut explain.statement),
        _ => {}
    }
}

/// The plan with its columns spelled as the query spells them: DataFusion has
/// `AS median_Mbps` in lower case by then.
pub(super) fn spell_columns(
    plan: LogicalPlan,
    spellings: &HashMap<String, String>,
) -> Result<LogicalPlan> {
    let is_answer = !matches!(
        plan,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    );
    let schema = plan.schema();
    if !is_answer || schema.fields().iter().all(|field| !spellings.contains_key(field.name())) {
        return Ok(plan);
    }
    let columns: Vec<_> = schema
        .iter()
        .map(|(qualifier, field)| {
            let column = Planned::Column(Column::from((qualifier, field)));
            match spellings.get(field.name()) {
                Some(name) => column.alias_qualified(qualifier.cloned(), name),
                None => column,
            }
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

#[derive(Default)]
struct Names {
    /// Derived tables that have got a name so far.
    derived: usize,
}

impl VisitorMut for Names {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        // `nodes[1].addr`: after an index DataFusion takes a field as a string only.
        if let Expr::CompoundFieldAccess { access_chain, .. } = expr {
            let is_dot = |access: &AccessExpr| matches!(access, AccessExpr::Dot(_));
            let first_index = access_chain.iter().take_while(|access| is_dot(access)).count();
            for access in &mut access_chain[first_index..] {
                if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                    let field = Value::SingleQuotedString(field.value.clone());
                    *access = AccessExpr::Dot(Expr::value(field));
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// DataFusion 55 takes the second of two equal projections for the first
    /// (`merge_consecutive_projections_one_level`), which `s + 1 AS s` of `s + 1 AS s`
    /// are where no qualifier tells one `s` from the other.
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { alias: alias @ None, .. } = factor {
            self.derived += 1;
            let name = Ident::new(format!("__derived_{}", self.derived));
            *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let named = name_set(&mut query.body);
        // After DISTINCT only what is selected may be sorted by, under its name.
        let orders = query.order_by.as_mut().map(|order| &mut order.kind);
        if let Some(OrderByKind::Expressions(orders)) = orders {
            for order in orders {
                if let Some((_, name)) = named.iter().find(|(expr, _)| *expr == order.expr) {
                    order.expr = Expr::Identifier(name.clone());
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Names the fields of a query's SELECTs; returns those of its only one.
fn name_set(set: &mut SetExpr) -> Vec<(Expr, Ident)> {
    match set {
        SetExpr::Select(select) => name_select(select),
        SetExpr::SetOperation { left, right, .. } => {
            name_set(left);
            name_set(right);
            Vec::new()
        }
        // Others hold no SELECT, or a query that is visited for itself.
        _ => Vec::new(),
    }
}

fn name_select(select: &mut Select) -> Vec<(Expr, Ident)> {
    let relations: Vec<_> = select
        .from
        .iter()
        .flat_map(|from| {
            let joined = from.joins.iter().map(|join| &join.relation);
            std::iter::once(&from.relation).chain(joined)
        })
        .filter_map(relation)
        .collect();
    let names: Vec<_> = select.projection.iter().map(name).collect();
    let is_only = |name: &Ident| names.iter().flatten().filter(|it| *it == name).count() == 1;
    let mut named = Vec::new();
    for (item, name) in select.projection.iter_mut().zip(&names) {
        if let SelectItem::UnnamedExpr(expr) = item
            && is_field(expr, &relations)
            && let Some(alias) = name.clone().filter(is_only)
        {
            named.push((expr.clone(), alias.clone()));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
    named
}

/// What the column of an item is called.
fn name(item: &SelectItem) -> Option<Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => path.last().cloned(),
        SelectItem::UnnamedExpr(Expr::CompoundFieldAccess { access_chain, .. }) => {
            field(access_chain.last()?)
        }
        _ => None,
    }
}

/// The field that an access ends in; none for an index.
fn field(access: &AccessExpr) -> Option<Ident> {
    let (AccessExpr::Dot(Expr::Value(value))
    | AccessExpr::Subscript(Subscript::Index { index: Expr::Value(value) })) = access
    else {
        return None;
    };
    match &value.value {
        Value::SingleQuotedString(name) => Some(Ident::new(name)),
        _ => None,
    }
}

/// Whether it takes a field of a struct, and no column of a relation.
fn is_field(expr: &Expr, relations: &[Vec<String>]) -> bool {
    let path = match expr {
        Expr::CompoundFieldAccess { .. } => return true,
        Expr::CompoundIdentifier(path) => path,
        _ => return false,
    };
    let qualifier = path.iter().rev().skip(1).map(|part| &part.value);
    !relations.iter().any(|relation| {
        let is_long_enough = relation.len() >= path.len() - 1;
        is_long_enough && qualifier.clone().zip(relation.iter().rev()).all(|(a, b)| a == b)
    })
}

/// The name by which columns of a relation are qualified, in its parts.
fn relation(factor: &TableFactor) -> Option<Vec<String>> {
    let parts = |name: &ObjectName| {
        name.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.clone()).collect()
    };
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. }
        | TableFactor::TableFunction { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. } => Some(vec![alias.name.value.clone()]),
        TableFactor::Table { name, .. } => Some(parts(name)),
        _ => None,
    }
}
