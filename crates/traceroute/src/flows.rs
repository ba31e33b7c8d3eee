//! Which clients are to be traced, from the lines of the event socket.

mod told;

use std::collections::HashMap;
use std::net::IpAddr;

use trigpoint_mlab::{EventKind, FlowEvent, Position};
use trigpoint_record::FlowId;
use trigpoint_record::tables::traces::Trigger;

use told::Told;

/// Connections that are remembered at most; a server has fewer.
const MAX_OPEN: usize = 65_536;

/// A client that is to be traced, with the connection that is the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) flow_id: FlowId,
    pub(crate) opened_time: i64,
    pub(crate) test_id: Option<String>,
    pub(crate) trigger: Trigger,
    pub(crate) address: IpAddr,
    /// The server's address as the connection has it.
    pub(crate) server: IpAddr,
}

/// The connections that are open, as far as events tell.
#[derive(Debug)]
pub(crate) struct Flows {
    trigger: Trigger,
    /// Those without a test are of no interest.
    tests_only: bool,
    last: Option<Position>,
    /// No event was read but what is told again to who connects.
    is_new: bool,
    open: HashMap<FlowId, Client>,
    /// Told at the end of a connection to the server; their Close comes later.
    told: Told,
    missed: u64,
}

impl Flows {
    pub(crate) fn new(trigger: Trigger, tests_only: bool) -> Self {
        // What carries a test is known only once the test has begun.
        let tests_only = tests_only && trigger == Trigger::Close;
        Self {
            trigger,
            tests_only,
            last: None,
            is_new: true,
            open: HashMap::new(),
            told: Told::new(MAX_OPEN),
            missed: 0,
        }
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// Events since the last call that the server sent and that did not arrive.
    pub(crate) fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    /// The client that is to be traced now, if this event is the cause.
    pub(crate) fn take(&mut self, event: FlowEvent) -> Option<Client> {
        if event.is_replay {
            self.told.refresh(&event.flow_id);
        }
        if event.position.is_some_and(|position| !self.is_news(position, event.is_replay)) {
            return None;
        }
        match event.kind {
            EventKind::Open => {
                let client = self.client(event)?;
                if self.trigger == Trigger::Open {
                    return Some(client);
                }
                if self.open.len() < MAX_OPEN {
                    self.open.insert(client.flow_id.clone(), client);
                }
                None
            }
            EventKind::Close => {
                let opened = self.open.remove(&event.flow_id);
                if self.trigger == Trigger::Open || self.told.remove(&event.flow_id) {
                    return None;
                }
                let test_id = event.test_id.clone();
                // Of a connection whose opening was missed, its end says enough.
                let client = Client { test_id, ..opened.or_else(|| self.client(event))? };
                self.is_wanted(&client).then_some(client)
            }
        }
    }

    /// The line to the server has ended, and perhaps the server, or we do: the
    /// ends of these connections may never be told, nor whether they carried a
    /// test.
    pub(crate) fn cut_off(&mut self) -> Vec<Client> {
        let open: Vec<_> = self.open.drain().map(|(_, client)| client).collect();
        for client in &open {
            self.told.insert(client.flow_id.clone());
        }
        open
    }

    fn is_wanted(&self, client: &Client) -> bool {
        !self.tests_only || client.test_id.is_some()
    }

    /// Whether it was not taken before; counts those that are missing before it.
    fn is_news(&mut self, position: Position, is_replay: bool) -> bool {
        let before = match self.last {
            Some(last) if last.stream == position.stream => last.sequence,
            Some(_) => {
                // The server has started again: its old connections are gone.
                self.told.clear();
                0
            }
            None => 0,
        };
        if position.sequence <= before {
            return false;
        }
        // What the server told before we came is not for us.
        if !self.is_new {
            self.missed += position.sequence - before - 1;
        }
        self.is_new &= is_replay;
        self.last = Some(position);
        true
    }

    fn client(&self, event: FlowEvent) -> Option<Client> {
        let socket = event.socket?;
        Some(Client {
            flow_id: event.flow_id,
            opened_time: event.time,
            test_id: event.test_id,
            trigger: self.trigger,
            address: socket.remote.ip().to_canonical(),
            server: socket.local.ip().to_canonical(),
        })
    }
}

#[cfg(test)]
mod tests;
