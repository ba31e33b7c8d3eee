//! Measuring a gate, and taking its answer down.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use trigpoint_crd::fleet::Gate;
use trigpoint_rollout::{Measurement, Revision, Verdict};

use super::Actor;
use crate::asked::spool;
use crate::error::Stop;
use crate::gates::About;
use crate::{gates, ledger, names, time};

impl Actor<'_> {
    pub(super) async fn measure(
        &self,
        gate: &str,
        wave: &str,
        revision: &Revision,
    ) -> Result<(), Stop> {
        let spec = &self.view.fleet.spec;
        let asked = spec.gates.iter().find(|asked| asked.name == gate).ok_or_else(|| {
            Stop::refused(format!("measure the gate `{gate}`"), "the fleet has none of that name")
        })?;
        // The answer wakes the next round.
        let Some(measurement) = self.answer(asked, wave, revision).await else {
            return Ok(());
        };
        // The plan may be older than what the answer rests on.
        let name = names::ledger(&self.view.fleet.name_any());
        let object: Option<ConfigMap> = self
            .api()
            .get_opt(&name)
            .await
            .map_err(|source| Stop::of(format!("read the ledger `{name}`"), source))?;
        let (mut ledger, version) = ledger::read(object.as_ref())?;
        let before = ledger
            .gates
            .iter()
            .find(|record| record.gate == gate && record.wave == wave)
            .map(|record| record.last.verdict);
        let (verdict, said) = (measurement.verdict, measurement.said.clone());
        let resumed_at = spec.rollout.resumed_at.as_ref().map(time::from_api);
        ledger.record_measurement(gate, wave, revision, measurement, resumed_at);
        self.record(&version, &ledger).await?;
        // The same again each minute is no news.
        if before != Some(verdict) {
            self.tell_of_gate(gate, verdict, &said).await;
        }
        Ok(())
    }

    /// None as long as it is under way.
    async fn answer(&self, asked: &Gate, wave: &str, revision: &Revision) -> Option<Measurement> {
        let stable = self.stable();
        let Some(question) = gates::question(asked, revision, stable.as_ref()) else {
            return Some(self.spool_age(asked, revision).await);
        };
        let about = About {
            namespace: self.view.namespace(),
            fleet: self.view.fleet.name_any(),
            gate: asked.name.clone(),
            wave: wave.to_owned(),
        };
        let (at, answer) = self.hands.questions.ask(about, question, self.now)?;
        Some(gates::measurement(answer, at))
    }

    /// The revision that was promoted last.
    fn stable(&self) -> Option<Revision> {
        let promoted = self.view.revisions.iter().filter_map(|revision| {
            let at = revision.annotations().get(names::PROMOTED_AT)?;
            Some((time::from_text(at)?, revision.name_any()))
        });
        promoted.max().map(|(_, name)| Revision::new(name))
    }

    /// Of the oldest row at the revision's stations, which are asked themselves: a row
    /// that the collector does not have is in no table.
    async fn spool_age(&self, asked: &Gate, revision: &Revision) -> Measurement {
        let ages = spool::of_revision(self.view, revision).await;
        let limit = asked.limit.map_or(0.0, f64::from);
        let samples = ages.len() as u64;
        let oldest = ages.iter().map(|age| age.map(|age| age.as_secs_f64()));
        let oldest = oldest.collect::<Option<Vec<f64>>>();
        let (verdict, value, said) = match oldest {
            None => (Verdict::Error, None, "a station cannot be asked for its spool".to_owned()),
            Some(ages) => match ages.into_iter().reduce(f64::max) {
                None => (Verdict::Inconclusive, None, "no station of it is ready".to_owned()),
                Some(age) => {
                    let verdict = if age <= limit { Verdict::Pass } else { Verdict::Fail };
                    let said = format!("the oldest row has waited {age:.1} s, of {limit} s");
                    (verdict, Some(age), said)
                }
            },
        };
        Measurement { verdict, value, baseline: None, samples, said, at: self.now }
    }
}
