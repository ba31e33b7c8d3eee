//! The other side of the gates: for the operator, and for people.

use std::time::Duration;

use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use trigpoint_wire::gate;
use trigpoint_wire::gate::{MeasureRequest, MeasureResponse};

use crate::channel::{self, ClientError};

/// A connection to a query service that measures gates.  Cheap to clone; clones share
/// the connection, which is made anew when it was lost.
#[derive(Debug, Clone)]
pub struct GateClient {
    gates: gate::gate_client::GateClient<Channel>,
    authorization: Option<MetadataValue<Ascii>>,
}

impl GateClient {
    /// Connects to an endpoint as [`crate::Client::connect`] does.
    pub async fn connect(
        endpoint: &str,
        token: Option<&str>,
        ca_pem: Option<&str>,
    ) -> Result<Self, ClientError> {
        let mut authorization: Option<MetadataValue<Ascii>> = token
            .map(|token| format!("Bearer {token}").parse().map_err(|_| ClientError::Token))
            .transpose()?;
        if let Some(authorization) = &mut authorization {
            authorization.set_sensitive(true);
        }
        let channel = channel::connect(endpoint, token.is_some(), ca_pem).await?;
        Ok(Self { gates: gate::gate_client::GateClient::new(channel), authorization })
    }

    /// Measures a gate, and waits for it no longer than that.
    pub async fn measure(
        &mut self,
        asked: MeasureRequest,
        within: Duration,
    ) -> Result<MeasureResponse, ClientError> {
        let mut request = Request::new(asked);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request.set_timeout(within);
        let answer = tokio::time::timeout(within, self.gates.measure(request)).await;
        let answer = answer.map_err(|_| {
            let seconds = within.as_secs_f64();
            ClientError::Refused(format!("no answer came within {seconds} s"))
        })?;
        match answer {
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => Err(ClientError::Refused(status.message().to_owned())),
        }
    }
}
