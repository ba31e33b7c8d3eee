//! People who test their line: a download, then an upload, again and again, from
//! outside of the cluster.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use trigpoint_testkit::run;

use crate::cluster::{Cluster, DEADLINE, trigpoint};
use crate::release::{Release, until_rows};

/// After a pod is ready, until every node sends clients to it.
const IN_EVERY_PROXY: Duration = Duration::from_secs(1);

/// One of them, as the client tells of it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) name: String,
    address: String,
    began: SystemTime,
    code: Option<i32>,
    said: String,
}

impl Session {
    /// Both directions ended as they should, with close code 1000.
    pub(crate) fn is_whole(&self) -> bool {
        self.code == Some(0)
    }
}

/// A station that leaves: who comes then may be sent away, also between two tests.
#[derive(Debug, Clone)]
pub(crate) struct Away {
    pub(crate) address: String,
    /// Before it was told to leave, as closely as was seen.
    pub(crate) since: SystemTime,
    /// Another one was seen to be ready.
    pub(crate) until: SystemTime,
}

impl Away {
    fn is_met_by(&self, session: &Session) -> bool {
        let until = self.until + IN_EVERY_PROXY;
        self.address == session.address && (self.since..until).contains(&session.began)
    }
}

/// Clients that go on until they are told to stop.
pub(crate) struct Clients {
    stops: Arc<AtomicBool>,
    finished: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<Session>>>,
}

impl Clients {
    /// One for each address; `label` tells their sessions from those of others.
    pub(crate) fn start(cluster: &Cluster, label: &str, addresses: &[String]) -> Self {
        let stops = Arc::new(AtomicBool::new(false));
        let finished = Arc::new(AtomicUsize::new(0));
        let client = |address: &String| {
            let (stops, finished) = (Arc::clone(&stops), Arc::clone(&finished));
            let label = format!("{label}-{}", address.replace([':', '.'], "-"));
            let address = address.clone();
            let start = cluster.outside(trigpoint());
            std::thread::spawn(move || {
                let mut sessions = Vec::new();
                while !stops.load(Ordering::Relaxed) {
                    let name = format!("{label}-{}", sessions.len());
                    sessions.push(session(again(&start), &address, name));
                    finished.fetch_add(1, Ordering::Relaxed);
                }
                sessions
            })
        };
        let threads = addresses.iter().map(client).collect();
        Self { stops, finished, threads }
    }

    /// How many sessions have ended, of all clients.
    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::Relaxed)
    }

    /// Lets the sessions that run come to their end.
    pub(crate) fn stop(self) -> Vec<Session> {
        self.stops.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

/// One session with a station, by the command that a person has.
pub(crate) fn one(cluster: &Cluster, address: &str, name: &str) -> Session {
    session(cluster.outside(trigpoint()), address, name.to_owned())
}

fn session(mut client: Command, address: &str, name: String) -> Session {
    // The rows keep what a client says of itself.
    let began = SystemTime::now();
    client.args(["speedtest", &format!("ws://{address}/?session={name}")]);
    let ended = run(client.args(["--quiet", "--format=json"]), DEADLINE);
    let address = address.to_owned();
    Session { name, address, began, code: ended.code(), said: ended.stderr }
}

/// A command can be started once.
fn again(command: &Command) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            again.env(name, value);
        }
    }
    again
}

/// What became of sessions, at the client and in the tables.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) whole: usize,
    pub(crate) sent_away: usize,
}

/// Every session that was begun, other than with a station that was leaving, ended as it
/// should in both directions, and has its two rows.
#[track_caller]
pub(crate) fn expect_unharmed(
    release: &Release<'_>,
    label: &str,
    sessions: &[Session],
    away: &[Away],
) -> Account {
    let may_be_sent_away = |session: &Session| away.iter().any(|away| away.is_met_by(session));
    let harmed: Vec<_> = sessions
        .iter()
        .filter(|session| !session.is_whole() && !may_be_sent_away(session))
        .map(|Session { name, began, said, .. }| format!("{name}, of {began:?}: {said}"))
        .collect();
    assert!(harmed.is_empty(), "{} of {} were harmed: {harmed:#?}", harmed.len(), sessions.len());
    let whole: Vec<_> = sessions.iter().filter(|session| session.is_whole()).collect();
    let sql = format!(
        "SELECT said['value'] AS session, count(*) AS tests, count(DISTINCT direction) AS directions \
         FROM (SELECT direction, unnest(client_metadata) AS said FROM speed_tests) \
         WHERE said['name'] = 'session' AND said['value'] LIKE '{label}-%' GROUP BY 1"
    );
    until_rows(release, "each session has two rows", &sql, |rows| {
        let rows: BTreeMap<_, _> = rows
            .iter()
            .map(|row| (row["session"].as_str().unwrap(), (&row["tests"], &row["directions"])))
            .collect();
        let has_two = |session: &&&Session| {
            rows.get(session.name.as_str())
                .is_some_and(|(tests, directions)| **tests == 2 && **directions == 2)
        };
        (whole.iter().filter(has_two).count() == whole.len()).then_some(())
    });
    Account { whole: whole.len(), sent_away: sessions.len() - whole.len() }
}
