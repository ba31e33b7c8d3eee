//! A test of a station through its public path.

use chrono::TimeDelta;
use kube::ResourceExt as _;
use trigpoint_access_token::{Claims, Purpose, sign};

use super::Actor;
use crate::error::Stop;
use crate::observed::pod;
use crate::render::Tested;
use crate::{render, revisions};

/// A pod may wait for a node and for its image.
const TOKEN_LASTS: TimeDelta = TimeDelta::minutes(10);

impl Actor<'_> {
    pub(super) async fn self_test(&self, node: &str, pod: &str) -> Result<(), Stop> {
        let what = || format!("test the station of `{node}`");
        let fleet = &self.view.fleet;
        let tested = self.view.pod(pod).ok_or_else(|| Stop::refused(what(), "its pod is gone"))?;
        let node = self.view.node(node).ok_or_else(|| Stop::refused(what(), "the node is gone"))?;
        let service = self.view.services.iter().find(|known| known.name_any() == fleet.name_any());
        let address = render::public_address(fleet, service.map(AsRef::as_ref), node)
            .ok_or_else(|| Stop::refused(what(), "it has no public address yet"))?;
        let revision = pod::revision(tested);
        let image = revisions::image(self.revision(&revision)?)?;
        let token = self.synthetic_token(&tested.name_any())?;
        let tested = Tested { uid: pod, revision: &revision, node, address: &address };
        self.start(&render::self_test(fleet, &tested, &image, token.as_deref())).await
    }

    /// What lets the station of that pod mark a test as synthetic; none where this
    /// operator has no keys.
    pub(super) fn synthetic_token(&self, pod: &str) -> Result<Option<String>, Stop> {
        let hands = self.hands;
        if !hands.has_keys {
            return Ok(None);
        }
        let key = hands.signing_key.as_ref().ok_or_else(|| {
            Stop::refused(format!("test the pod `{pod}`"), "the key of its token is not there yet")
        })?;
        let claims = Claims {
            purpose: Purpose::SyntheticTest,
            audience: pod.to_owned(),
            expires_s: u64::try_from((self.now + TOKEN_LASTS).timestamp()).unwrap_or_default(),
        };
        Ok(Some(sign(key, &claims)))
    }
}
