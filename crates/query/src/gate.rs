//! Whether a revision measures as well as another one, from the rows.
//!
//! | file | owns |
//! |---|---|
//! | `question` | what is asked, once it is known to make sense |
//! | `rows` | the SQL that finds the tests which count |
//! | `samples` | what it found, apart for what must not be compared |
//! | `judgement` | from samples to a verdict, by `statistics` |
//! | `sentence` | the verdict in a person's words |
//!
//! Must never say more than the samples do, nor choose among them by their order:
//! of more tests than are compared, those with the smallest hashes of their `flow_id`.

use std::sync::Arc;

use chrono::Utc;
use tonic::{Request, Response, Status};
use trigpoint_wire::gate::{self, MeasureRequest, MeasureResponse, gate_server};

use crate::door::Principal;
use crate::execution;
use crate::service::Shared;
use crate::status;
use judgement::Judgement;
use question::Question;
use samples::Sampling;

mod judgement;
mod question;
mod rows;
mod samples;
mod sentence;

/// `trigpoint.gate.v1.Gate`, made by [`crate::QueryService::gates`].
pub(crate) struct Gates {
    pub(crate) shared: Arc<Shared>,
}

#[tonic::async_trait]
impl gate_server::Gate for Gates {
    async fn measure(
        &self,
        request: Request<MeasureRequest>,
    ) -> Result<Response<MeasureResponse>, Status> {
        self.shared.metrics.requests.with_label_values(&["gate"]).inc();
        let principal = Principal::of(request.extensions())?;
        let question = Question::of(request.into_inner(), Utc::now())?;
        let sampling = Sampling::of(self.shared.settings.gate_samples.max(question.min_samples));
        let sql = rows::sql(&question);
        let (sampling, versions) =
            execution::fold(&self.shared, principal, sql, sampling, Sampling::add).await?;
        // Large samples are compared for a while, which is nothing for the network's threads.
        let judged = self.shared.workers.spawn(async move {
            let samples = sampling.samples();
            let judgement = Judgement::of(&question, &samples);
            let explanation = sentence::of(&question, &samples, &judgement);
            (judgement, explanation)
        });
        let (judgement, explanation) = judged.await.map_err(|_| status::fault())?;
        tracing::info!(explanation, "gate measured");
        Ok(Response::new(MeasureResponse {
            verdict: judgement.verdict().into(),
            value: judgement.value,
            baseline: judgement.baseline,
            samples: judgement.samples as u64,
            baseline_samples: judgement.baseline_samples as u64,
            interval: judgement.interval.map(|it| gate::Interval {
                lower: it.lower,
                estimate: it.estimate,
                upper: it.upper,
            }),
            explanation,
            versions: versions.into_iter().filter_map(|(name, it)| Some((name, it?))).collect(),
        }))
    }
}
