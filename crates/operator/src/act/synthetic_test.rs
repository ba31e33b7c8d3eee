//! Tests that are samples for a gate.

use chrono::TimeDelta;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _};
use tracing::info;
use trigpoint_rollout::{FleetReport, Time};

use super::Actor;
use crate::asked::active_tests;
use crate::error::Stop;
use crate::observed::pod;
use crate::render::{self, Tested};
use crate::revisions;
use crate::synthetic::{self, Turn};

/// Until users have done.
const PATIENCE: TimeDelta = TimeDelta::seconds(10);

impl Actor<'_> {
    /// Makes the next test, if a gate wants for samples; when to look again, where
    /// nothing else tells.
    pub(crate) async fn sample(&self, report: &FleetReport) -> Result<Option<Time>, Stop> {
        // Without a mark they would be taken for tests of users.
        if !self.hands.has_keys {
            return Ok(None);
        }
        let view = self.view;
        let fleet = &view.fleet;
        let test = match synthetic::next(view, report, self.now) {
            Turn::Rest => return Ok(None),
            Turn::Wait(until) => return Ok(Some(until)),
            Turn::Test(test) => test,
        };
        let (tested, node) = (test.tested.pod, test.tested.node);
        let service = view.services.iter().find(|known| known.name_any() == fleet.name_any());
        let address = render::public_address(fleet, service.map(AsRef::as_ref), node);
        let Some(address) = address else { return Ok(None) };
        // Whoever measures there now would measure this test too.
        let stations = [Some(tested), synthetic::station_of(view, test.from)];
        if active_tests::any(stations.into_iter().flatten()).await {
            return Ok(Some(self.now + PATIENCE));
        }
        let image = revisions::image(self.revision(&test.client)?)?;
        let Some(token) = self.synthetic_token(&tested.name_any())? else { return Ok(None) };
        let revision = pod::revision(tested);
        let uid = tested.uid().unwrap_or_default();
        let of = Tested { uid: &uid, revision: &revision, node, address: &address };
        let from = test.from.name_any();
        let pod = render::synthetic_test(fleet, &of, &image, &token, &from, &test.account);
        info!(
            fleet = fleet.name_any(),
            pod = pod.name_any(),
            station = tested.name_any(),
            from,
            "a gate wants for samples: testing"
        );
        let api: Api<Pod> = self.api();
        self.create(&api, &pod).await.map(|_| None)
    }
}
