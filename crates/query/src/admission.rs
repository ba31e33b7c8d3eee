//! How many at once, and who waits: a bounded queue before a bounded number of slots.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::Status;

/// Slots, and places in the queue for them.
#[derive(Debug)]
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    places: Semaphore,
    is_closed: AtomicBool,
    settings: AdmissionSettings,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmissionSettings {
    pub(crate) slots: usize,
    pub(crate) waiting: usize,
    pub(crate) wait_at_most: Duration,
}

/// Leaves when dropped.
pub(crate) type Slot = OwnedSemaphorePermit;

impl Admission {
    pub(crate) fn new(settings: AdmissionSettings) -> Self {
        let AdmissionSettings { slots, waiting, .. } = settings;
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            places: Semaphore::new(waiting),
            is_closed: AtomicBool::new(false),
            settings,
        }
    }

    /// A slot, at once or after others have left; first come, first served.
    pub(crate) async fn enter(&self) -> Result<Slot, Status> {
        let slot = self.slot().await?;
        if self.is_closed.load(Ordering::Acquire) {
            return Err(Status::unavailable("the query service is stopping"));
        }
        Ok(slot)
    }

    async fn slot(&self) -> Result<Slot, Status> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let AdmissionSettings { slots, waiting, wait_at_most } = self.settings;
        let _place = self.places.try_acquire().map_err(|_| {
            Status::resource_exhausted(format!(
                "{slots} queries run and {waiting} wait for them; come again later"
            ))
        })?;
        match timeout(wait_at_most, Arc::clone(&self.slots).acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(closed)) => Err(Status::internal(closed.to_string())),
            Err(_) => Err(Status::resource_exhausted(format!(
                "none of the {slots} queries that run has ended for {} s; come again later",
                wait_at_most.as_secs_f64()
            ))),
        }
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(crate) fn running(&self) -> usize {
        self.settings.slots - self.slots.available_permits().min(self.settings.slots)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.settings.waiting - self.places.available_permits()
    }

    /// Waits until everybody has left.
    pub(crate) async fn empty(&self) {
        let all = u32::try_from(self.settings.slots).unwrap_or(u32::MAX);
        // Only a semaphore that is closed gives none, and nobody is in there.
        let _ = self.slots.acquire_many(all).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_finds_no_slot_waits_and_whoever_finds_no_place_is_told_so() {
        let wait_at_most = Duration::from_secs(30);
        let settings = AdmissionSettings { slots: 1, waiting: 1, wait_at_most };
        let admission = Arc::new(Admission::new(settings));
        let first = admission.enter().await.unwrap();
        let second = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter().await }
        });
        tokio::task::yield_now().await;
        assert_eq!((admission.running(), admission.waiting()), (1, 1));
        let refused = admission.enter().await.unwrap_err();
        assert_eq!(refused.message(), "1 queries run and 1 wait for them; come again later");
        drop(first);
        let second = second.await.unwrap().unwrap();
        // Nobody leaves.
        let refused = admission.enter().await.unwrap_err();
        assert!(refused.message().contains("has ended for 30 s"), "{}", refused.message());
        drop(second);
        assert_eq!((admission.running(), admission.waiting()), (0, 0));
    }
}
