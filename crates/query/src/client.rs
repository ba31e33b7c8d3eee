//! The other side: questions to a query service of elsewhere.

use arrow_flight::FlightInfo;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use chrono::Utc;
use futures::{StreamExt as _, TryStreamExt as _};
use tonic::transport::Channel;
use trigpoint_lake::{Answer, Origin, QueryError};

use crate::channel::{self, ClientError};
use crate::shape;

/// A row of the service, with room to spare.
const MESSAGE_BYTES: usize = 32 << 20;

/// A connection to a query service.
#[derive(Debug)]
pub struct Client {
    flight: FlightSqlServiceClient<Channel>,
}

impl Client {
    /// Connects to `grpc://HOST:PORT` or `grpc+tls://HOST:PORT` (or `http://`,
    /// `https://`), where it trusts the certificates of `ca_pem`, or else the
    /// system's.
    pub async fn connect(
        endpoint: &str,
        token: Option<&str>,
        ca_pem: Option<&str>,
    ) -> Result<Self, ClientError> {
        let channel = channel::connect(endpoint, token.is_some(), ca_pem).await?;
        let service = FlightServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES);
        let mut flight = FlightSqlServiceClient::new_from_inner(service);
        if let Some(token) = token {
            flight.set_token(token.to_owned());
        }
        Ok(Self { flight })
    }

    /// Asks one statement.
    pub async fn query(&mut self, sql: &str) -> Result<Answer, ClientError> {
        let refused = |error| ClientError::Refused(words(&error));
        let time = Utc::now();
        let info = self.flight.execute(sql.to_owned(), None).await.map_err(refused)?;
        let ticket = ticket(&info).ok_or_else(|| {
            ClientError::Refused("the service gave no ticket for rows".to_owned())
        })?;
        let mut batches = self.flight.do_get(ticket).await.map_err(refused)?;
        // The schema comes before the first rows, or alone.
        let first = batches.try_next().await.map_err(refused)?;
        let schema = batches
            .schema()
            .cloned()
            .ok_or_else(|| ClientError::Refused("the service sent no schema".to_owned()))?;
        let rows = futures::stream::iter(first.map(Ok)).chain(batches);
        let rows = rows.map_err(|error| QueryError::Refused(words(&error)));
        let versions = shape::versions(&schema);
        let origin = Origin { sql: sql.to_owned(), time, versions };
        Ok(Answer::new(origin, schema, rows))
    }
}

fn ticket(info: &FlightInfo) -> Option<arrow_flight::Ticket> {
    info.endpoint.first()?.ticket.clone()
}

/// What the service said, without gRPC's frame around it.
fn words(error: &FlightError) -> String {
    match error {
        FlightError::Tonic(status) => status.message().to_owned(),
        other => other.to_string(),
    }
}
