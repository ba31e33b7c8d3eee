//! The calls of Flight SQL.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionBeginTransactionRequest, ActionBeginTransactionResult, ActionCancelQueryRequest,
    ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any,
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys,
    CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery,
    CommandStatementUpdate, DoPutPreparedStatementResult, ProstMessageExt, SqlInfo,
    TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus,
    FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse, Ticket,
};
use futures::{Stream, TryStreamExt as _, stream};
use prost::Message as _;
use prost::bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};
use trigpoint_lake::Relation;

use super::Shared;
use crate::door::Principal;
use crate::handle::{self, Handle};
use crate::{catalog, execution, keys, planning, shape, sql_info, status, types};

/// `arrow.flight.protocol.FlightService`, made by [`super::QueryService::service`].
pub(super) struct Flight {
    pub(super) shared: Arc<Shared>,
}

type Rows = <Flight as FlightService>::DoGetStream;

const READ_ONLY: &str = "this service only reads: use SELECT, EXPLAIN, SHOW TABLES or DESCRIBE";
const NO_TRANSACTIONS: &str =
    "there are no transactions here: every query sees one state of the tables (use autocommit)";
const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

impl Flight {
    fn asked(&self, call: &str) {
        self.shared.metrics.requests.with_label_values(&[call]).inc();
    }

    /// Says what the answer of a statement looks like and where it is.
    async fn describe(
        &self,
        mut handle: Handle,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let described = planning::describe(&self.shared, handle.clone()).await?;
        handle.plan = described.plan;
        handle.execution = rand::random();
        let ticket = TicketStatementQuery { statement_handle: handle.to_bytes() };
        let info = flight_info(&ticket, &described.answer, request)?;
        Ok(Response::new(info.with_app_metadata(shape::json(&described.versions))))
    }

    /// What a listing looks like.
    async fn describe_listing(
        &self,
        command: impl Listing,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let relations = self.shared.relations().await?;
        let batch = command.clone().batch(&self.shared, relations).map_err(status::internal)?;
        Ok(Response::new(flight_info(&command, &batch.schema(), request)?))
    }

    /// The rows of a listing.
    async fn list(&self, command: impl Listing) -> Result<Response<Rows>, Status> {
        self.asked("listing");
        let relations = self.shared.relations().await?;
        Ok(rows(command.batch(&self.shared, relations).map_err(status::internal)?))
    }

    async fn execute(
        &self,
        handle: Handle,
        request: &Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        let principal = Principal::of(request.extensions())?;
        let rows = execution::start(&self.shared, principal, handle).await?;
        Ok(Response::new(Box::pin(rows)))
    }

    /// Ends the queries of a FlightInfo's tickets.
    fn cancel(&self, info: &FlightInfo, request: &Request<Action>) -> Result<CancelStatus, Status> {
        let principal = Principal::of(request.extensions())?;
        let mut cancelled = false;
        for ticket in info.endpoint.iter().filter_map(|endpoint| endpoint.ticket.as_ref()) {
            let foreign = |_| Status::invalid_argument("the ticket is not of this service");
            let any = Any::decode(ticket.ticket.clone()).map_err(foreign)?;
            let ticket = any.unpack::<TicketStatementQuery>().map_err(|error| {
                Status::invalid_argument(format!("the ticket is not of this service: {error}"))
            })?;
            if let Some(ticket) = ticket {
                let handle = Handle::decode_from(&ticket.statement_handle)?;
                cancelled |= self.shared.running.cancel(&principal, handle.execution);
            }
        }
        Ok(if cancelled { CancelStatus::Cancelled } else { CancelStatus::NotCancellable })
    }
}

/// A command that lists something; its rows are made for each call.
trait Listing: ProstMessageExt + Clone + Send {
    fn batch(self, shared: &Shared, relations: &[Relation]) -> Result<RecordBatch, FlightError>;
}

macro_rules! listings {
    ($($command:ident, |$it:pat_param, $shared:pat_param, $relations:pat_param| $batch:expr;)+) => {
        $(impl Listing for $command {
            fn batch(
                self,
                $shared: &Shared,
                $relations: &[Relation],
            ) -> Result<RecordBatch, FlightError> {
                let $it = self;
                $batch
            }
        })+
    };
}

listings! {
    CommandGetCatalogs, |it, _, _| catalog::catalogs(it);
    CommandGetDbSchemas, |it, _, relations| catalog::schemas(it, relations);
    CommandGetTables, |it, _, relations| catalog::tables(it, relations);
    CommandGetTableTypes, |it, _, _| catalog::table_types(it);
    CommandGetSqlInfo, |it, shared, _| sql_info::list(it, shared.settings.run_at_most);
    CommandGetXdbcTypeInfo, |it, _, _| types::list(it);
    CommandGetPrimaryKeys, |it, _, relations| Ok(keys::primary(&it, relations)?);
    CommandGetExportedKeys, |_, _, _| Ok(keys::foreign());
    CommandGetImportedKeys, |_, _, _| Ok(keys::foreign());
    CommandGetCrossReference, |_, _, _| Ok(keys::foreign());
}

/// Where a command's rows are: here, for a ticket that says what they are.
fn flight_info(
    ticket: &impl ProstMessageExt,
    schema: &Schema,
    request: Request<FlightDescriptor>,
) -> Result<FlightInfo, Status> {
    let ticket = Ticket::new(ticket.as_any().encode_to_vec());
    Ok(FlightInfo::new()
        .try_with_schema(schema)
        .map_err(status::internal)?
        .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
        .with_descriptor(request.into_inner()))
}

/// A batch that is there already, as the answer of DoGet.
fn rows(batch: RecordBatch) -> Response<Rows> {
    let encoder = FlightDataEncoderBuilder::new().with_schema(batch.schema());
    Response::new(Box::pin(encoder.build(stream::iter([Ok(batch)])).map_err(Status::from)))
}

/// A schema as the message that it is on the wire.
fn message(schema: &Schema) -> Result<Bytes, Status> {
    Ok(FlightInfo::new().try_with_schema(schema).map_err(status::internal)?.schema)
}

#[tonic::async_trait]
impl FlightSqlService for Flight {
    type FlightService = Self;

    async fn do_handshake(
        &self,
        _request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<
        Response<Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>>,
        Status,
    > {
        // Whoever comes here has shown a token.  JDBC's driver shows it so first.
        self.asked("handshake");
        Ok(Response::new(Box::pin(stream::empty())))
    }

    async fn get_flight_info_statement(
        &self,
        command: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.asked("statement");
        self.describe(Handle::statement(command.query), request).await
    }

    async fn get_flight_info_prepared_statement(
        &self,
        command: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.asked("prepared_statement");
        let handle = Handle::decode_from(&command.prepared_statement_handle)?;
        self.describe(handle, request).await
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.asked("rows");
        self.execute(Handle::decode_from(&ticket.statement_handle)?, &request).await
    }

    async fn do_get_prepared_statement(
        &self,
        command: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.asked("rows");
        self.execute(Handle::decode_from(&command.prepared_statement_handle)?, &request).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        command: ActionCreatePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        self.asked("prepare");
        let handle = Handle::statement(command.query);
        let described = planning::describe(&self.shared, handle.clone()).await?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle.to_bytes(),
            dataset_schema: message(&described.answer)?,
            parameter_schema: message(&described.parameters)?,
        })
    }

    /// The parameters go into the handle, which the client uses from then on.
    async fn do_put_prepared_statement_query(
        &self,
        command: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        self.asked("bind");
        let mut handle = Handle::decode_from(&command.prepared_statement_handle)?;
        let messages = request.into_inner().into_peekable().map_err(FlightError::from);
        handle.parameters = handle::to_messages(handle::read(messages).await?).await?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle.to_bytes()) })
    }

    async fn do_action_close_prepared_statement(
        &self,
        _command: ActionClosePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<(), Status> {
        // Nothing was kept.
        self.asked("close");
        Ok(())
    }

    async fn do_action_cancel_query(
        &self,
        command: ActionCancelQueryRequest,
        request: Request<Action>,
    ) -> Result<ActionCancelQueryResult, Status> {
        self.asked("cancel");
        let bad = |_| Status::invalid_argument("the FlightInfo of the query cannot be read");
        let info = FlightInfo::decode(command.info).map_err(bad)?;
        // Its values are those of CancelStatus.
        Ok(ActionCancelQueryResult { result: self.cancel(&info, &request)? as i32 })
    }

    async fn list_custom_actions(&self) -> Option<Vec<Result<ActionType, Status>>> {
        Some(vec![Ok(ActionType {
            r#type: CANCEL_FLIGHT_INFO.to_owned(),
            description: "Ends the query of a FlightInfo".to_owned(),
        })])
    }

    async fn do_action_fallback(
        &self,
        request: Request<Action>,
    ) -> Result<Response<<Self as FlightService>::DoActionStream>, Status> {
        let action = request.get_ref();
        if action.r#type != CANCEL_FLIGHT_INFO {
            let name = &action.r#type;
            return Err(Status::unimplemented(format!("there is no action `{name}` here")));
        }
        self.asked("cancel");
        let bad = |_| Status::invalid_argument("the FlightInfo of the query cannot be read");
        let command = CancelFlightInfoRequest::decode(action.body.clone()).map_err(bad)?;
        let cancelled = self.cancel(&command.info.unwrap_or_default(), &request)?;
        let result = CancelFlightInfoResult { status: cancelled.into() };
        let body = result.encode_to_vec().into();
        Ok(Response::new(Box::pin(stream::iter([Ok(arrow_flight::Result { body })]))))
    }

    async fn do_action_begin_transaction(
        &self,
        _command: ActionBeginTransactionRequest,
        _request: Request<Action>,
    ) -> Result<ActionBeginTransactionResult, Status> {
        Err(Status::unimplemented(NO_TRANSACTIONS))
    }

    async fn do_put_statement_update(
        &self,
        _command: CommandStatementUpdate,
        _request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        Err(Status::invalid_argument(READ_ONLY))
    }

    async fn do_put_prepared_statement_update(
        &self,
        _command: CommandPreparedStatementUpdate,
        _request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        Err(Status::invalid_argument(READ_ONLY))
    }

    async fn do_put_statement_ingest(
        &self,
        _command: CommandStatementIngest,
        _request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        Err(Status::invalid_argument(READ_ONLY))
    }

    async fn get_flight_info_catalogs(
        &self,
        command: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_catalogs(
        &self,
        command: CommandGetCatalogs,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_schemas(
        &self,
        command: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_schemas(
        &self,
        command: CommandGetDbSchemas,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_tables(
        &self,
        command: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_tables(
        &self,
        command: CommandGetTables,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_table_types(
        &self,
        command: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_table_types(
        &self,
        command: CommandGetTableTypes,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_sql_info(
        &self,
        command: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_sql_info(
        &self,
        command: CommandGetSqlInfo,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        command: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_xdbc_type_info(
        &self,
        command: CommandGetXdbcTypeInfo,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_primary_keys(
        &self,
        command: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_primary_keys(
        &self,
        command: CommandGetPrimaryKeys,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_exported_keys(
        &self,
        command: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_exported_keys(
        &self,
        command: CommandGetExportedKeys,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_imported_keys(
        &self,
        command: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_imported_keys(
        &self,
        command: CommandGetImportedKeys,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    async fn get_flight_info_cross_reference(
        &self,
        command: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.describe_listing(command, request).await
    }

    async fn do_get_cross_reference(
        &self,
        command: CommandGetCrossReference,
        _request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.list(command).await
    }

    /// What there is to register is in [`sql_info`].
    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}
