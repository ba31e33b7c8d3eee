//! A trace that runs.

use std::net::SocketAddr;
use std::time::Duration;

use trigpoint_multipath::{MplsLabel, Next, Probe, ReplyKind, Trace};
use trigpoint_prober::{Kind, Prober, Reply, SendError, TraceId, Transport as _};
use trigpoint_record::tables::traces::Outcome;

use super::queue::Asked;
use super::{Settings, run};
use crate::clock;
use crate::tracer::Traced;

/// The state machine, and what is stored beside what it knows.
pub(super) struct Active {
    pub(super) asked: Asked,
    pub(super) trace: Trace,
    pub(super) start: Duration,
    pub(super) start_time: i64,
    /// By number of the probe.
    pub(super) probes: Vec<Exchanged>,
    /// Why its next probe has no socket.
    pub(super) shortage: Option<SendError>,
    /// It does not ask for that socket again before.
    pub(super) rests_until: Duration,
}

/// A probe on the wire.
#[derive(Default)]
pub(super) struct Exchanged {
    pub(super) source: Option<SocketAddr>,
    pub(super) sent_time: i64,
    pub(super) reply: Option<Reply>,
}

impl Active {
    pub(super) fn new(
        settings: trigpoint_multipath::Settings,
        asked: Asked,
        now: Duration,
    ) -> Self {
        Self {
            asked,
            trace: Trace::new(settings, now),
            start: now,
            start_time: clock::unix_us(),
            probes: Vec::new(),
            shortage: None,
            rests_until: Duration::ZERO,
        }
    }

    pub(super) fn next(&mut self, now: Duration) -> Next {
        self.trace.on_timeout(now);
        self.trace.next(now)
    }

    /// After an error the probe is still to be sent: when a socket or its flow is free,
    /// or never.
    pub(super) fn send(
        &mut self,
        prober: &mut Prober,
        trace: TraceId,
        probe: Probe,
    ) -> Result<(), SendError> {
        let id = u32::from(probe.id.0);
        let wire = trigpoint_prober::Probe { ttl: probe.ttl, flow: probe.flow.0, id };
        let exchanged = match prober.send(trace, wire) {
            Ok(sent) => Exchanged { source: Some(sent.source), sent_time: sent.at_us, reply: None },
            // As if it were lost on its way, which others are too then.
            Err(SendError::Full { .. }) => {
                Exchanged { sent_time: clock::unix_us(), ..Exchanged::default() }
            }
            Err(error) => {
                self.trace.withdraw();
                return Err(error);
            }
        };
        self.shortage = None;
        self.probes.push(exchanged);
        Ok(())
    }

    pub(super) fn answer(&mut self, reply: Reply, now: Duration) {
        let id = reply.probe.id as usize;
        let labels = reply.mpls.iter().map(|label| MplsLabel {
            label: label.label,
            traffic_class: label.traffic_class,
            is_bottom: label.is_bottom,
            ttl: label.ttl,
        });
        let told = trigpoint_multipath::Reply {
            from: reply.responder,
            kind: self.kind(&reply),
            labels: labels.collect(),
        };
        let probe = trigpoint_multipath::ProbeId(id as u16);
        if self.trace.on_reply(probe, &told, now)
            && let Some(exchanged) = self.probes.get_mut(id)
        {
            exchanged.reply = Some(reply);
        }
    }

    fn kind(&self, reply: &Reply) -> ReplyKind {
        match reply.kind {
            Kind::TimeExceeded => ReplyKind::TimeExceeded,
            Kind::Destination => ReplyKind::Destination,
            // Whatever it says, the probe has come there: a closed port, or a
            // firewall on the host itself that prohibits.
            Kind::Unreachable { .. } if reply.responder == self.asked.target => {
                ReplyKind::Destination
            }
            Kind::Unreachable { code } | Kind::OtherError { code, .. } => {
                ReplyKind::Unreachable(code)
            }
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        if self.trace.path().reaches_destination { Outcome::Complete } else { Outcome::Incomplete }
    }

    pub(super) fn finish(
        self,
        settings: &Settings,
        now: Duration,
        outcome: Outcome,
        detail: Option<String>,
    ) {
        let run = run::of(&self, settings, now);
        // Who asked may be gone.
        let _ = self.asked.done.send(Traced { outcome, detail, run: Some(run) });
    }
}
