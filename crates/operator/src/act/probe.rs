//! Whether a revision starts on a node, found out before any node is released.

use trigpoint_rollout::Revision;

use super::Actor;
use crate::error::Stop;
use crate::{render, revisions};

impl Actor<'_> {
    pub(super) async fn probe(
        &self,
        node: &str,
        uid: &str,
        revision: &Revision,
    ) -> Result<(), Stop> {
        let template = revisions::template(self.revision(revision)?)?;
        let pod = render::probe(&self.view.fleet, revision, &template, node, uid);
        self.start(&pod).await
    }
}
