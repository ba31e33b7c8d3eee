//! Questions that are under way.
//!
//! An answer may take a minute, and rounds of other fleets do not wait for it: whoever
//! asks gets the answer when it is there, and is woken then.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use trigpoint_rollout::Time;
use trigpoint_wire::gate::{MeasureRequest, MeasureResponse};

use super::Gates;

/// Whoever measures has a minute.
const LONGEST: Duration = Duration::from_secs(90);
/// Nobody comes for an answer that is so old: its fleet is gone, or elsewhere.
const KEPT: TimeDelta = TimeDelta::minutes(10);

/// What a question is about: of each there is one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct About {
    pub(crate) namespace: String,
    pub(crate) fleet: String,
    pub(crate) gate: String,
    pub(crate) wave: String,
}

type Answer = Result<MeasureResponse, String>;

/// An answer, and when it was asked for: rows that came later are not in it.
pub(crate) type Answered = (Time, Answer);

pub(crate) struct Questions {
    service: Option<Arc<dyn Gates>>,
    /// Told when an answer is there.
    answered: Arc<Notify>,
    asked: Mutex<HashMap<About, Asked>>,
}

struct Asked {
    question: MeasureRequest,
    at: Time,
    answer: oneshot::Receiver<Answer>,
    task: AbortHandle,
}

impl Questions {
    pub(crate) fn new(service: Option<Arc<dyn Gates>>, answered: Arc<Notify>) -> Self {
        Self { service, answered, asked: Mutex::default() }
    }

    /// The answer, once it is there; asks if nobody has.
    pub(crate) fn ask(
        &self,
        about: About,
        question: MeasureRequest,
        now: Time,
    ) -> Option<Answered> {
        let Some(service) = &self.service else {
            return Some((now, Err("this operator was told of no query service".to_owned())));
        };
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, asked| asked.at + KEPT > now);
        // The fleet may ask for something else meanwhile.
        if let Some(known) = asked.get_mut(&about).filter(|known| known.question == question) {
            let answer = match known.answer.try_recv() {
                Err(TryRecvError::Empty) => return None,
                Ok(answer) => answer,
                Err(TryRecvError::Closed) => Err("whoever asked for it broke down".to_owned()),
            };
            let at = known.at;
            asked.remove(&about);
            return Some((at, answer));
        }
        asked.insert(about, self.begin(service, question, now));
        None
    }

    fn begin(&self, service: &Arc<dyn Gates>, question: MeasureRequest, now: Time) -> Asked {
        let (tell, answer) = oneshot::channel();
        let (service, answered) = (Arc::clone(service), Arc::clone(&self.answered));
        let request = question.clone();
        let task = tokio::spawn(async move {
            let answer = timeout(LONGEST, service.measure(request)).await.unwrap_or_else(|_| {
                Err(format!("the query service did not answer within {} s", LONGEST.as_secs()))
            });
            // Whoever asked may want it no more.
            let _ = tell.send(answer);
            answered.notify_one();
        });
        Asked { question, at: now, answer, task: task.abort_handle() }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Questions").field("service", &self.service).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::gates::Answering;
    use crate::time::from_text;

    /// Answers one question for each permit.
    #[derive(Debug)]
    struct Slow {
        permits: Semaphore,
        asked: Mutex<Vec<String>>,
    }

    impl Gates for Slow {
        fn measure(&self, asked: MeasureRequest) -> Answering<'_> {
            self.asked.lock().unwrap().push(asked.revision);
            Box::pin(async {
                self.permits.acquire().await.unwrap().forget();
                Ok(MeasureResponse { samples: 7, ..MeasureResponse::default() })
            })
        }
    }

    fn at(second: u32) -> Time {
        from_text(&format!("2026-11-27T08:00:{second:02}Z")).unwrap()
    }

    fn about() -> About {
        let [namespace, fleet, gate, wave] =
            ["measurement", "stations", "throughput", "canary"].map(str::to_owned);
        About { namespace, fleet, gate, wave }
    }

    fn of(revision: &str) -> MeasureRequest {
        MeasureRequest { revision: revision.to_owned(), ..MeasureRequest::default() }
    }

    #[tokio::test]
    async fn an_answer_is_there_when_it_is_there_and_is_of_when_it_was_asked_for() {
        let slow = Arc::new(Slow { permits: Semaphore::new(0), asked: Mutex::default() });
        let service: Arc<dyn Gates> = Arc::<Slow>::clone(&slow);
        let answered = Arc::new(Notify::new());
        let questions = Questions::new(Some(service), Arc::clone(&answered));
        assert!(questions.ask(about(), of("a"), at(1)).is_none());
        // Nobody waits for it, and it is asked for once.
        assert!(questions.ask(about(), of("a"), at(2)).is_none());
        slow.permits.add_permits(1);
        answered.notified().await;
        let (asked, answer) = questions.ask(about(), of("a"), at(3)).unwrap();
        assert_eq!((asked, answer.unwrap().samples), (at(1), 7));
        assert_eq!(*slow.asked.lock().unwrap(), ["a"]);
        // What was answered is asked for again, and so is something else.
        assert!(questions.ask(about(), of("a"), at(4)).is_none());
        assert!(questions.ask(about(), of("b"), at(5)).is_none());
        slow.permits.add_permits(1);
        answered.notified().await;
        assert_eq!(questions.ask(about(), of("b"), at(6)).unwrap().0, at(5));
    }

    #[tokio::test]
    async fn without_a_service_the_answer_is_that_there_is_none() {
        let questions = Questions::new(None, Arc::default());
        let (_, answer) = questions.ask(about(), of("a"), at(1)).unwrap();
        assert!(answer.unwrap_err().contains("no query service"));
    }
}
