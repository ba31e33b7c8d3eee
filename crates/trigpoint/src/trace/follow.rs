//! A trace that runs, shown until it ends or is ended by a signal.

use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use trigpoint_process::Failure;
use trigpoint_traceroute::{Engine, Traced, Tracer as _, export};

use super::screen::Screen;

/// Between two looks at what is known.
const REDRAW: Duration = Duration::from_millis(100);

/// Ends early, with what was found, on SIGINT or SIGTERM.
pub(super) async fn to_the_end(
    engine: &Engine,
    host: &str,
    target: IpAddr,
    mut screen: Screen,
) -> Result<Traced, Failure> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut redraw = interval(REDRAW);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut traced = pin!(engine.trace(target));
    loop {
        tokio::select! {
            biased;
            traced = &mut traced => {
                screen.clear();
                return Ok(traced);
            }
            _ = interrupted.recv() => engine.interrupt(),
            _ = terminated.recv() => engine.interrupt(),
            _ = redraw.tick(), if screen.is_shown() => {
                if let Some(run) = engine.running().await.first() {
                    screen.show(&(export::table(host, target, run) + "\n" + &export::progress(run)));
                }
            }
        }
    }
}
