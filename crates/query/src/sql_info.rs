//! What the service is and can do, as drivers ask for it.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_flight::error::Result;
use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlInfo, SqlSupportedCaseSensitivity, SqlSupportedTransaction,
};

/// The figures that were asked for; all of them where none was.
pub(crate) fn list(command: CommandGetSqlInfo, run_at_most: Duration) -> Result<RecordBatch> {
    let mut infos = SqlInfoDataBuilder::new();
    infos.append(SqlInfo::FlightSqlServerName, "Trigpoint");
    infos.append(SqlInfo::FlightSqlServerVersion, trigpoint_process::VERSION);
    infos.append(SqlInfo::FlightSqlServerArrowVersion, ARROW_FORMAT);
    infos.append(SqlInfo::FlightSqlServerReadOnly, true);
    infos.append(SqlInfo::FlightSqlServerSql, true);
    infos.append(SqlInfo::FlightSqlServerSubstrait, false);
    let transactions = SqlSupportedTransaction::None as i32;
    infos.append(SqlInfo::FlightSqlServerTransaction, transactions);
    infos.append(SqlInfo::FlightSqlServerCancel, true);
    infos.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    let milliseconds = i32::try_from(run_at_most.as_millis()).unwrap_or(i32::MAX);
    infos.append(SqlInfo::FlightSqlServerStatementTimeout, milliseconds);
    infos.append(SqlInfo::SqlDdlCatalog, false);
    infos.append(SqlInfo::SqlDdlSchema, false);
    infos.append(SqlInfo::SqlDdlTable, false);
    let any_case = SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32;
    infos.append(SqlInfo::SqlIdentifierCase, any_case);
    infos.append(SqlInfo::SqlQuotedIdentifierCase, any_case);
    infos.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    infos.append(SqlInfo::SqlAllTablesAreSelectable, true);
    infos.append(SqlInfo::SqlSupportsColumnAliasing, true);
    infos.append(SqlInfo::SqlSupportsTableCorrelationNames, true);
    infos.append(SqlInfo::SqlSupportsExpressionsInOrderBy, true);
    infos.append(SqlInfo::SqlSupportsOrderByUnrelated, true);
    infos.append(SqlInfo::SqlSupportsLikeEscapeClause, true);
    infos.append(SqlInfo::SqlCatalogAtStart, true);
    infos.append(SqlInfo::SqlCatalogTerm, "catalog");
    infos.append(SqlInfo::SqlSchemaTerm, "schema");
    command.into_builder(&infos.build()?).build()
}

/// The version of Arrow's columnar format that answers are in.
const ARROW_FORMAT: &str = "1.5";
