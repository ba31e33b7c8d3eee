//! The other side: questions to a query service of elsewhere.

use std::time::Duration;

use arrow_flight::FlightInfo;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use chrono::Utc;
use futures::{StreamExt as _, TryStreamExt as _};
use rustls::RootCertStore;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};
use trigpoint_lake::{Answer, Origin, QueryError};

use crate::shape;

const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// A row of the service, with room to spare.
const MESSAGE_BYTES: usize = 32 << 20;

/// A connection to a query service.
#[derive(Debug)]
pub struct Client {
    flight: FlightSqlServiceClient<Channel>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none of a query service.
    #[error("`{endpoint}` is no address of a query service: write it like `grpc+tls://HOST:9410`")]
    Address {
        /// As it was given.
        endpoint: String,
    },
    /// Everybody on the way could read the token.
    #[error("the token would go to `{endpoint}` in clear text: use grpc+tls://")]
    TokenWithoutTls {
        /// As it was given.
        endpoint: String,
    },
    /// Nobody answers there.
    #[error("cannot connect to `{endpoint}`: {reason}")]
    Connect {
        /// As it was given.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// What the service said.
    #[error("{0}")]
    Refused(String),
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
        let address = || ClientError::Address { endpoint: endpoint.to_owned() };
        let (scheme, rest) = endpoint.split_once("://").ok_or_else(address)?;
        let is_tls = match scheme {
            "grpc" | "grpc+tcp" | "http" => false,
            "grpc+tls" | "https" => true,
            _ => return Err(address()),
        };
        let scheme = if is_tls { "https" } else { "http" };
        let uri: Uri = format!("{scheme}://{rest}").parse().map_err(|_| address())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(address)?.to_owned();
        if !is_tls && token.is_some() && !is_loopback(&host) {
            return Err(ClientError::TokenWithoutTls { endpoint: endpoint.to_owned() });
        }
        let failed =
            |reason: String| ClientError::Connect { endpoint: endpoint.to_owned(), reason };
        let mut channel = Endpoint::from(uri).connect_timeout(CONNECT_WITHIN).tcp_nodelay(true);
        if is_tls {
            let tls = ClientTlsConfig::new();
            let tls = match ca_pem {
                Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
                None => tls.trust_anchors(system_roots().roots),
            };
            channel = channel.tls_config(tls).map_err(|error| failed(chain(&error)))?;
        }
        let channel = channel.connect().await.map_err(|error| failed(chain(&error)))?;
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

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// What the service said, without gRPC's frame around it.
fn words(error: &FlightError) -> String {
    match error {
        FlightError::Tonic(status) => status.message().to_owned(),
        other => other.to_string(),
    }
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !line.contains(&cause_words) {
            line = format!("{line}: {cause_words}");
        }
        source = cause.source();
    }
    line
}
