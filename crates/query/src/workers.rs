//! Threads of queries, apart from those that answer the network.
//!
//! A query computes for as long as a batch takes; on the threads of the
//! connections it would keep them all waiting, and in `trigpoint standalone`
//! the running speed test too.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Below the threads that measure and serve (setpriority(2)).
const NICE: i32 = 10;
/// A plan may be as deep as a statement has operators, and is planned, cloned and
/// dropped by recursion.  Only what is touched takes memory.
const STACK_BYTES: usize = 256 << 20;
/// For files; more than that only wait for the disk.
const BLOCKING_THREADS: usize = 64;

#[derive(Debug)]
pub(crate) struct Workers(Option<Runtime>);

impl Workers {
    pub(crate) fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.enable_all().thread_name("query").thread_stack_size(STACK_BYTES);
        builder.max_blocking_threads(BLOCKING_THREADS);
        // A task computes for a second at a time, and by default 61 of them would have
        // their turns before a thread looks for timers, files and new queries.
        builder.event_interval(1).global_queue_interval(1);
        builder.on_thread_start(|| {
            // For the calling thread alone, on Linux.
            if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                tracing::debug!(%error, "queries run at the priority of everything else");
            }
        });
        Ok(Self(Some(builder.build()?)))
    }

    /// Starts a task there.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        match &self.0 {
            Some(runtime) => runtime.spawn(task),
            None => unreachable!("the runtime is taken in drop only"),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // A runtime must not wait for its end inside of another.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
