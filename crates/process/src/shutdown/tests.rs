use super::*;

#[tokio::test]
async fn a_phase_never_goes_back() {
    let shutdown = Shutdown::new();
    shutdown.advance(Phase::Flushing);
    shutdown.begin();
    assert_eq!(shutdown.phase(), Phase::Flushing);
}

#[tokio::test]
async fn whoever_waits_for_a_phase_is_woken_by_a_later_one() {
    let shutdown = Shutdown::new();
    let waiter = tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            shutdown.reached(Phase::Draining).await;
            shutdown.phase()
        }
    });
    shutdown.advance(Phase::Flushing);
    assert_eq!(waiter.await.unwrap(), Phase::Flushing);
}

#[tokio::test]
async fn a_phase_that_is_already_past_does_not_wait() {
    let shutdown = Shutdown::new();
    shutdown.advance(Phase::Done);
    shutdown.reached(Phase::LameDuck).await;
}

#[tokio::test]
async fn the_first_signal_drains_and_the_second_skips_to_flushing() {
    let shutdown = Shutdown::install().unwrap();
    let myself = rustix::process::getpid();
    rustix::process::kill_process(myself, rustix::process::Signal::TERM).unwrap();
    shutdown.reached(Phase::LameDuck).await;
    assert_eq!(shutdown.phase(), Phase::LameDuck);
    rustix::process::kill_process(myself, rustix::process::Signal::INT).unwrap();
    shutdown.reached(Phase::Draining).await;
    assert_eq!(shutdown.phase(), Phase::Flushing);
}
