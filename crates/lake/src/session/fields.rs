//! Fields of structs by name, without regard to case.
//!
//! M-Lab's published queries write `client.Geo.postalCode` for `PostalCode`.
//! DataFusion's own planner takes the name as it stands
//! (`datafusion-functions` 55, `core/planner.rs`).

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, Result, SchemaError, TableReference};
use datafusion::error::DataFusionError;
use datafusion::functions::core::get_field;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable as _, GetFieldAccess, lit};

/// Plans `a.b.c` and `a['b']`; comes before DataFusion's planners.
#[derive(Debug)]
pub(super) struct FieldsByName;

impl ExprPlanner for FieldsByName {
    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let mut expr = Expr::Column(Column::from((qualifier, field)));
        let mut data_type = field.data_type();
        for name in nested_names {
            let Some(found) = find(data_type, name) else {
                // An error here would only ask the next planner, which has other
                // words.  A column that is not there gives those of an unknown column.
                let path = format!("{}.{}", field.name(), nested_names.join("."));
                return Ok(PlannerResult::Planned(Expr::Column(Column::new_unqualified(path))));
            };
            expr = get_field().call(vec![expr, lit(found.name().as_str())]);
            data_type = found.data_type();
        }
        Ok(PlannerResult::Planned(expr))
    }

    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { expr, field_access } = access;
        if let GetFieldAccess::NamedStructField { name } = &field_access
            && let Some(Some(name)) = name.try_as_str()
            && let data_type @ DataType::Struct(_) = expr.get_type(schema)?
        {
            let found = find(&data_type, name).ok_or_else(|| unknown(&data_type, name))?;
            let expr = get_field().call(vec![expr, lit(found.name().as_str())]);
            return Ok(PlannerResult::Planned(expr));
        }
        Ok(PlannerResult::Original(RawFieldAccessExpr { expr, field_access }))
    }
}

/// The field of this name, or the one that it equals but for case.
fn find<'a>(data_type: &'a DataType, name: &str) -> Option<&'a Field> {
    let DataType::Struct(fields) = data_type else { return None };
    let exact = fields.iter().find(|field| field.name() == name);
    let mut alike = fields.iter().filter(|field| field.name().eq_ignore_ascii_case(name));
    let only = alike.next().filter(|_| alike.next().is_none());
    exact.or(only).map(AsRef::as_ref)
}

fn unknown(data_type: &DataType, name: &str) -> DataFusionError {
    let DataType::Struct(fields) = data_type else { unreachable!("find looked into a struct") };
    let error = SchemaError::FieldNotFound {
        field: Box::new(Column::new_unqualified(name)),
        valid_fields: fields.iter().map(|it| Column::new_unqualified(it.name())).collect(),
    };
    DataFusionError::SchemaError(Box::new(error), Box::new(None))
}

/// The names of a schema's columns, and of the fields of its structs with their paths.
pub(super) fn paths<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Vec<String> {
    let mut paths = Vec::new();
    for field in fields {
        if let DataType::Struct(inner) = field.data_type() {
            let inner = self::paths(inner.iter().map(AsRef::as_ref));
            paths.extend(inner.iter().map(|path| format!("{}.{path}", field.name())));
        }
        paths.push(field.name().clone());
    }
    paths
}
