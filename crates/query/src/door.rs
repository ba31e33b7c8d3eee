//! Lets in who may ask, before any call is looked at.
//!
//! Not an interceptor of tonic's, which has to answer at once: of a token, another
//! server may have to be asked.

use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::sync::Arc;

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::{Extensions, Request, Status};

use crate::Authenticator;
use crate::service::Shared;

/// The account that asks, among the extensions of a request.
#[derive(Debug, Clone)]
pub(crate) struct Principal(String);

impl Principal {
    pub(crate) fn of(extensions: &Extensions) -> Result<String, Status> {
        let Self(principal) =
            extensions.get().ok_or_else(|| Status::unauthenticated("nobody was asked who asks"))?;
        Ok(principal.clone())
    }
}

/// A service, and who may call it.
#[derive(Clone)]
pub struct Door<S> {
    service: S,
    authenticator: Authenticator,
    shared: Arc<Shared>,
}

impl<S> Door<S> {
    pub(crate) fn new(service: S, authenticator: Authenticator, shared: Arc<Shared>) -> Self {
        Self { service, authenticator, shared }
    }
}

impl<S> Service<http::Request<Body>> for Door<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<S::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // The one that said that it is ready.
        let another = self.service.clone();
        let mut service = mem::replace(&mut self.service, another);
        let (authenticator, shared) = (self.authenticator.clone(), Arc::clone(&self.shared));
        Box::pin(async move {
            let metadata = MetadataMap::from_headers(request.headers().clone());
            let asked = Request::from_parts(metadata, request.extensions().clone(), ());
            match authenticator.principal(asked.metadata()).await {
                Ok(principal) => {
                    request.extensions_mut().insert(Principal(principal));
                    service.call(request).await
                }
                Err(status) => {
                    shared.metrics.unauthenticated.inc();
                    let peer = asked.remote_addr();
                    tracing::warn!(?peer, reason = status.message(), "call refused");
                    Ok(status.into_http())
                }
            }
        })
    }
}

impl<S: NamedService> NamedService for Door<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> fmt::Debug for Door<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Door")
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}
