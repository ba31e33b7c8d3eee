//! The way to the API server.

use std::time::Duration;

use kube::{Client, Config};

use crate::Error;

/// A server that is there takes a connection far sooner.
const CONNECT: Duration = Duration::from_secs(10);
/// A request is small.
const WRITE: Duration = Duration::from_secs(30);

/// By the pod's own account, or by the kubeconfig that kubectl would use.
pub async fn connect() -> Result<Client, Error> {
    let mut config = Config::infer().await.map_err(|source| Error::Api {
        what: "find out where the cluster is".to_owned(),
        source: kube::Error::InferConfig(source),
    })?;
    config.connect_timeout = Some(CONNECT);
    config.write_timeout = Some(WRITE);
    Client::try_from(config)
        .map_err(|source| Error::Api { what: "connect to the cluster".to_owned(), source })
}
