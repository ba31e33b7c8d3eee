//! Start, run and drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::error;
use trigpoint_process::{Phase, Shutdown, host, listen};
use trigpoint_record::tables::Pair;
use trigpoint_record::tables::stations::{DrainSummary, Event, StationEvent};
use trigpoint_sockdiag::{Counters, Sampler, Settings as SamplerSettings};

use crate::accept::accept;
use crate::admission::Admission;
use crate::events::{self, EventSocket};
use crate::measurer::Measurer;
use crate::metrics::Metrics;
use crate::recorders::Recorders;
use crate::settings::{LameDuck, Settings};
use crate::{Error, Recording, Shared, clock, connection, recording};

/// How long the ends of the last connections may take to be seen.
const FLOWS_END: Duration = Duration::from_secs(2);

/// The service with its ports taken, not serving yet.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    ws: Vec<TcpListener>,
    wss: Vec<TcpListener>,
    events: Option<EventSocket>,
    event_readers: Vec<UnixStream>,
    congestion_control: Option<String>,
}

impl Server {
    /// Checks what can be checked and takes the ports.
    ///
    /// Must be called inside a tokio runtime.
    pub fn bind(settings: Settings) -> Result<Self, Error> {
        let congestion_control = congestion_control(settings.congestion_control.as_deref())?;
        let ws = listen::bind(&settings.listen, settings.ws_port)?;
        let wss = listen::bind(&settings.listen, settings.wss_port)?;
        let events = settings.event_socket.as_deref().map(EventSocket::bind).transpose()?;
        Ok(Self { settings, ws, wss, events, event_readers: Vec::new(), congestion_control })
    }

    /// Addresses of ws and of the page.
    pub fn ws_addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.ws)
    }

    /// Addresses of wss and of the page over https.
    pub fn wss_addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.wss)
    }

    /// The event socket for a reader in this process.
    ///
    /// Must be called inside a tokio runtime.
    pub fn event_reader(&mut self) -> std::io::Result<UnixStream> {
        let (near, far) = UnixStream::pair()?;
        self.event_readers.push(near);
        Ok(far)
    }

    /// Serves until `shutdown` is in its flushing phase and everything that was
    /// measured is in the spool.  Moves `shutdown` from lame duck to draining
    /// and on to flushing as the tests end.
    pub async fn run(
        mut self,
        recording: Recording,
        metrics: Metrics,
        shutdown: Shutdown,
    ) -> Result<DrainSummary, Error> {
        let local_ports =
            self.ws_addresses().iter().chain(&self.wss_addresses()).map(SocketAddr::port).collect();
        let prefix = recording.prefix.clone();
        let (socket, readers) = (self.events.take(), std::mem::take(&mut self.event_readers));
        let is_told = socket.is_some() || !readers.is_empty();
        let events =
            is_told.then(|| events::start(socket, readers, prefix.clone(), metrics.clone()));
        let (events, telling) = events.unzip();
        let (recorder, recording_thread) = recording::start(recording, metrics.clone())?;
        recorder.station(event(Event::Appeared, self.facts()));
        let sampler = Sampler::start(
            SamplerSettings { local_ports, ..SamplerSettings::default() },
            Box::new(Recorders { recording: recorder.clone(), events: events.clone() }),
        )?;
        let (measurer, measurer_thread) = Measurer::start()?;
        let admission = Admission::new(self.settings.max_tests, shutdown.clone(), metrics.clone());
        let shared = Arc::new(Shared {
            admission: admission.clone(),
            shutdown: shutdown.clone(),
            metrics,
            measurer,
            watcher: sampler.watcher(),
            recording: recorder.clone(),
            events,
            prefix,
            congestion_control: self.congestion_control.clone(),
            test_duration: self.settings.test_duration,
            max_runtime: self.settings.max_runtime(),
            server_metadata: self.settings.server_metadata.clone(),
            synthetic: self.settings.synthetic.clone(),
        });
        recorder.station(event(Event::Ready, Vec::new()));

        let (settings, lame_duck) = (self.settings.clone(), self.settings.lame_duck);
        let mut accepting = self.accept(&shared);
        shutdown.reached(Phase::LameDuck).await;
        let (began, before) = (Instant::now(), admission.ended());
        recorder.station(event(Event::LameDuck, Vec::new()));
        lame_duck_phase(lame_duck, &admission, &shutdown).await;

        shutdown.advance(Phase::Draining);
        recorder.station(event(Event::Draining, Vec::new()));
        let mut active = admission.active();
        let no_test = async |active: &mut watch::Receiver<usize>, wait| {
            timeout(wait, active.wait_for(|active| *active == 0)).await.is_ok()
        };
        let by_themselves = tokio::select! {
            ended = no_test(&mut active, settings.max_runtime() + FLOWS_END) => ended,
            () = shutdown.reached(Phase::Flushing) => false,
        };
        if !by_themselves {
            // Each test closes with "going away"; a moment for that.
            shutdown.advance(Phase::Flushing);
            no_test(&mut active, FLOWS_END).await;
        }
        // Those that do not even end now are cut off with their connections.
        let (ended, endless) = (admission.ended(), *active.borrow() as u64);
        let summary = DrainSummary {
            elapsed_us: began.elapsed().as_micros() as u64,
            tests_finished: ended.by_themselves - before.by_themselves,
            tests_cut_off: ended.cut_off - before.cut_off + endless,
            tests_refused: admission.refused_while_stopping(),
        };
        accepting.shutdown().await;
        drop(shared);
        shutdown.advance(Phase::Flushing);
        recorder.station(event(Event::Drained(summary.clone()), Vec::new()));

        // The end of each connection is known once its destroy event is read.
        flows_end(&sampler.counters()).await;
        let stopped = tokio::task::spawn_blocking(move || {
            let stopped = sampler.stop();
            // The measurer ends with its last handle.
            let measured = measurer_thread.join();
            (stopped, measured)
        });
        match stopped.await {
            Ok((Ok(()), Ok(()))) => {}
            other => error!(?other, "the sampler or the measurer did not end well"),
        }
        if let Some(telling) = telling {
            // Ends with the sampler's handle; the others went with the connections.
            let _ = telling.await;
        }
        recorder.station(event(Event::Gone, Vec::new()));
        drop(recorder);
        if let Ok(Err(_)) | Err(_) =
            tokio::task::spawn_blocking(move || recording_thread.join()).await
        {
            error!("the recording thread panicked");
        }
        Ok(summary)
    }

    /// Starts accepting; ends with the returned set.
    fn accept(self, shared: &Arc<Shared>) -> JoinSet<()> {
        let connections = Arc::new(Semaphore::new(self.settings.max_connections));
        let tls = TlsAcceptor::from(Arc::clone(&self.settings.tls));
        let mut accepting = JoinSet::new();
        let plain = self.ws.into_iter().map(|listener| (listener, None));
        let secure = self.wss.into_iter().map(|listener| (listener, Some(tls.clone())));
        for (listener, tls) in plain.chain(secure) {
            let (shared, connections) = (Arc::clone(shared), Arc::clone(&connections));
            accepting.spawn(async move {
                let mut serving = Serving { shared, tls, connections: JoinSet::new() };
                accept(listener, connections, |stream, permit| {
                    serving.start(stream, permit);
                })
                .await;
            });
        }
        accepting
    }

    fn facts(&self) -> Vec<Pair> {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        vec![
            pair("max_tests", self.settings.max_tests.to_string()),
            pair("test_duration_ms", self.settings.test_duration.as_millis().to_string()),
            pair(
                "congestion_control",
                self.congestion_control.clone().unwrap_or_else(|| "kernel default".to_owned()),
            ),
        ]
    }
}

/// The connections of one listener; they end with it.
struct Serving {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    connections: JoinSet<()>,
}

impl Serving {
    fn start(&mut self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Finished ones are kept until somebody asks for them.
        while self.connections.try_join_next().is_some() {}
        let (shared, tls) = (Arc::clone(&self.shared), self.tls.clone());
        self.connections.spawn(async move {
            shared.metrics.connections.inc();
            let open = OpenConnection(shared.metrics.connections.clone());
            connection::serve(shared, stream, tls).await;
            drop(open);
            drop(permit);
        });
    }
}

/// Counts down also when the connection's task is aborted.
struct OpenConnection(prometheus::IntGauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Until nobody is in the middle of a session, within the bounds, or until the
/// phase is past this one.
async fn lame_duck_phase(bounds: LameDuck, admission: &Admission, shutdown: &Shutdown) {
    let began = tokio::time::Instant::now();
    let ends = began + bounds.at_most;
    let mut active = admission.active();
    let quiet = async {
        sleep_until(began + bounds.at_least).await;
        loop {
            let idle = active.wait_for(|active| *active == 0).await.is_ok();
            let busy_again = timeout(bounds.quiet, active.wait_for(|active| *active > 0)).await;
            if !idle || busy_again.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = timeout_at(ends, quiet) => {}
        () = shutdown.reached(Phase::Draining) => {}
    }
}

/// Until the end of every connection has been seen, but not for ever: a client
/// that vanished acknowledges no FIN.
async fn flows_end(counters: &Counters) {
    let seen = async {
        let mut again = interval(Duration::from_millis(10));
        while counters.flows_closed.get() < counters.flows_opened.get() {
            again.tick().await;
        }
    };
    let _ = timeout(FLOWS_END, seen).await;
}

/// What to set on every test's socket, tried on a socket of its own: a station
/// that cannot do what it was told must not start.
pub(crate) fn congestion_control(asked: Option<&str>) -> Result<Option<String>, Error> {
    const BEST: &str = "bbr";
    match asked {
        None => Ok(host::try_congestion_control(BEST).is_ok().then(|| BEST.to_owned())),
        Some(algorithm) => match host::try_congestion_control(algorithm) {
            Ok(()) => Ok(Some(algorithm.to_owned())),
            Err(source) => Err(Error::CongestionControl {
                algorithm: algorithm.to_owned(),
                source,
                available: host::congestion_controls().join(" "),
            }),
        },
    }
}

fn addresses(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
}

fn event(event: Event, facts: Vec<Pair>) -> StationEvent {
    StationEvent { time: clock::unix_us(), event, facts }
}
