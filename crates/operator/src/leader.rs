//! One operator acts: the one that holds the Lease.
//!
//! A Lease fences nothing by itself: a leader that was stopped for a minute may
//! still have a request under way.  What it writes carries the version of what it
//! read, and before each write it asks here whether its time is over.
//!
//! Whether another holder is alive is told, as in client-go, by whether its Lease
//! changes while this process looks: clocks of machines are not compared.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::Error;
use crate::error::Stop;
use crate::names;
use crate::settings::Settings;

/// Others wait this long for a holder that does not renew.
const DURATION: Duration = Duration::from_secs(15);
/// A holder acts this long after its last renewal, which is before others may.
const TENURE: Duration = Duration::from_secs(10);
/// Between two renewals, or two looks.
const PERIOD: Duration = Duration::from_secs(2);

/// The right to act, as long as it is renewed; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Leadership {
    /// When the last renewal was asked for; none: it was given up.
    renewed: Arc<Mutex<Option<Instant>>>,
}

impl Leadership {
    fn new() -> Self {
        Self { renewed: Arc::default() }
    }

    /// Whether this process may act now.  The clock runs on while it is stopped.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.is_held() { Ok(()) } else { Err(Stop::LeaseLost) }
    }

    pub(crate) fn is_held(&self) -> bool {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.is_some_and(|renewed| renewed.elapsed() < TENURE)
    }

    fn renew(&self, asked: Instant) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }

    fn give_up(&self) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Seeks the Lease and keeps it.
pub(crate) struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    leadership: Leadership,
}

impl Candidate {
    pub(crate) fn new(client: &Client, settings: &Settings) -> Self {
        Self {
            leases: Api::namespaced(client.clone(), &settings.lease_namespace),
            name: settings.lease_name.clone(),
            identity: settings.identity.clone(),
            leadership: Leadership::new(),
        }
    }

    pub(crate) fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Waits until the Lease is this process's own.
    pub(crate) async fn acquire(&self) {
        let mut seen: Option<(Option<String>, Instant)> = None;
        loop {
            match self.try_acquire(&mut seen).await {
                Ok(true) => {
                    info!(lease = self.name, identity = self.identity, "this operator leads");
                    return;
                }
                Ok(false) => {}
                Err(error) => warn!(lease = self.name, %error, "cannot get the lease"),
            }
            sleep(PERIOD).await;
        }
    }

    /// `seen` is the version of another's Lease, and since when it is that one.
    async fn try_acquire(
        &self,
        seen: &mut Option<(Option<String>, Instant)>,
    ) -> Result<bool, kube::Error> {
        let asked = Instant::now();
        let Some(lease) = self.leases.get_opt(&self.name).await? else {
            let lease = self.lease(None);
            return self.held(asked, self.leases.create(&parameters(), &lease).await);
        };
        let version = lease.metadata.resource_version.clone();
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        let is_free = holder.is_none_or(|holder| holder.is_empty() || holder == self.identity);
        match seen {
            Some((known, since)) if *known == version => {
                if !is_free && since.elapsed() < DURATION {
                    return Ok(false);
                }
            }
            _ if is_free => {}
            _ => {
                *seen = Some((version, asked));
                return Ok(false);
            }
        }
        let lease = self.lease(Some(&lease));
        self.held(asked, self.leases.replace(&self.name, &parameters(), &lease).await)
    }

    /// Renews until that fails for too long, or another holds it.
    pub(crate) async fn keep(&self) -> Error {
        while self.leadership.is_held() {
            sleep(PERIOD).await;
            let asked = Instant::now();
            match timeout(TENURE, self.renew(asked)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => break,
                Ok(Err(error)) => warn!(lease = self.name, %error, "cannot renew the lease"),
                Err(_) => warn!(lease = self.name, "the renewal of the lease has no answer"),
            }
        }
        self.leadership.give_up();
        Error::LeaseLost { name: self.name.clone() }
    }

    async fn renew(&self, asked: Instant) -> Result<bool, kube::Error> {
        let lease = self.leases.get(&self.name).await?;
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        if holder != Some(self.identity.as_str()) {
            return Ok(false);
        }
        let lease = self.lease(Some(&lease));
        self.held(asked, self.leases.replace(&self.name, &parameters(), &lease).await)
    }

    /// Lets the next one in at once.
    pub(crate) async fn release(&self) {
        self.leadership.give_up();
        let released = async {
            let mut lease = self.leases.get(&self.name).await?;
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_deref() == Some(self.identity.as_str()) {
                spec.holder_identity = Some(String::new());
                self.leases.replace(&self.name, &parameters(), &lease).await?;
            }
            Ok::<(), kube::Error>(())
        };
        if let Ok(Err(error)) = timeout(PERIOD, released).await {
            warn!(lease = self.name, %error, "cannot give the lease back");
        }
    }

    /// A conflict is another's success.
    fn held(
        &self,
        asked: Instant,
        answer: Result<Lease, kube::Error>,
    ) -> Result<bool, kube::Error> {
        match answer {
            Ok(_) => {
                self.leadership.renew(asked);
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The Lease with this process as its holder, over that version of it.
    fn lease(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let spec = before.and_then(|lease| lease.spec.as_ref());
        let is_same = spec
            .is_some_and(|spec| spec.holder_identity.as_deref() == Some(self.identity.as_str()));
        let transitions = spec.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        let acquired = spec.filter(|_| is_same).and_then(|spec| spec.acquire_time.clone());
        let mut lease = before.cloned().unwrap_or_default();
        lease.metadata.name = Some(self.name.clone());
        lease.metadata.managed_fields = None;
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(DURATION.as_secs() as i32),
            acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions + i32::from(!is_same)),
            ..LeaseSpec::default()
        });
        lease
    }
}

fn parameters() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_not_renewed_is_over_before_others_may_act() {
        let leadership = Leadership::new();
        assert!(leadership.check().is_err());
        leadership.renew(Instant::now());
        assert!(leadership.check().is_ok());
        leadership.renew(Instant::now().checked_sub(TENURE).unwrap());
        assert!(leadership.check().is_err());
        assert!(TENURE + PERIOD < DURATION);
    }
}
