//! The sampler's rules against a scripted kernel and clock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use proptest::prelude::*;

use super::*;
use crate::message::tests::Raw;
use crate::netlink::Notice;
use crate::{Closed, FinalFrom, Polled, Watched, state};

const MS: u64 = 1_000_000;
const START: u64 = 1_000 * MS;

/// The kernel and the time, as the tests write them.
#[derive(Default)]
struct World {
    now_ns: u64,
    sockets: BTreeMap<u64, SocketMessage>,
    /// What the next dumps and gets end in.
    dump_errors: VecDeque<Error>,
    get_errors: VecDeque<Error>,
    /// How long each get takes.
    get_takes_ns: u64,
    gets: u64,
    dumps: u64,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<World>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

impl Clock for Shared {
    fn now(&self) -> Moment {
        let monotonic_ns = self.lock().now_ns;
        Moment { monotonic_ns, wall_us: 1_700_000_000_000_000 + (monotonic_ns / 1_000) as i64 }
    }
}

impl Source for Shared {
    fn dump(&mut self, family: Family, sink: &mut dyn FnMut(Reply)) -> Result<(), Error> {
        let moment = self.now();
        let mut world = self.lock();
        world.dumps += 1;
        if let Some(error) = world.dump_errors.pop_front() {
            return Err(error);
        }
        for message in world.sockets.values() {
            let shown = !matches!(message.state, state::TIME_WAIT | CLOSED);
            if message.key.family == family && shown {
                sink(Reply { request: moment, reply: moment, message: message.clone() });
            }
        }
        Ok(())
    }

    fn get(&mut self, key: &SocketKey) -> Result<Option<SocketMessage>, Error> {
        let mut world = self.lock();
        world.now_ns += world.get_takes_ns;
        world.gets += 1;
        match world.get_errors.pop_front() {
            Some(error) => Err(error),
            None => Ok(world.sockets.get(&key.cookie).cloned()),
        }
    }
}

/// A state that dumps leave out.
const CLOSED: u8 = 7;

#[derive(Default)]
struct Record {
    opened: Vec<u64>,
    rows: Vec<(u64, Polled)>,
    closed: Vec<Closed>,
}

impl Recorder for Arc<Mutex<Record>> {
    fn opened(&mut self, flow: &Flow) {
        self.lock().unwrap().opened.push(flow.key.cookie);
    }

    fn snapshot(&mut self, flow: &Flow, polled: &Polled) {
        self.lock().unwrap().rows.push((flow.key.cookie, polled.clone()));
    }

    fn closed(&mut self, closed: &Closed) {
        self.lock().unwrap().closed.push(closed.clone());
    }
}

struct Bench {
    world: Shared,
    record: Arc<Mutex<Record>>,
    counters: Arc<Counters>,
    engine: Engine<Shared, Shared>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let (world, record) = (Shared::default(), Arc::new(Mutex::new(Record::default())));
        world.lock().now_ns = START;
        let counters = Arc::new(Counters::default());
        let engine = Engine::new(
            settings,
            world.clone(),
            world.clone(),
            Box::new(Arc::clone(&record)),
            Arc::clone(&counters),
        );
        Self { world, record, counters, engine }
    }

    /// Lets the sampler sleep and work until the time `until_ms` after the start.
    fn run_until(&mut self, until_ms: u64) {
        loop {
            self.engine.run_due();
            let wake = self.world.now().monotonic_ns + self.engine.wait().as_nanos() as u64;
            let mut world = self.world.lock();
            if wake > START + until_ms * MS {
                world.now_ns = world.now_ns.max(START + until_ms * MS);
                return;
            }
            world.now_ns = wake;
        }
    }

    /// Nothing runs until then: the machine is busy elsewhere.
    fn stall_until(&self, until_us: u64) {
        self.world.lock().now_ns = START + until_us * 1_000;
    }

    /// Nothing runs for so long.
    fn stall(&self, us: u64) {
        self.world.lock().now_ns += us * 1_000;
    }

    fn socket(&self, raw: &Raw) {
        let message = raw.message();
        self.world.lock().sockets.insert(message.key.cookie, message);
    }

    fn vanish(&self, cookie: u64) {
        self.world.lock().sockets.remove(&cookie);
    }

    fn watch(&mut self, cookie: u64) {
        self.watch_since(cookie, self.world.now());
    }

    /// The sampler hears now of a call at `since`.
    fn watch_since(&mut self, cookie: u64, since: Moment) {
        self.engine.handle(Input::Watch(Raw::ipv4(cookie).message().key, since));
    }

    fn unwatch(&mut self, cookie: u64) {
        self.engine.handle(Input::Unwatch(cookie, self.world.now()));
    }

    fn event(&mut self, raw: &Raw) {
        let received = self.world.now();
        let notice = Notice::Destroyed(Box::new(raw.message()), received);
        self.engine.handle(Input::Notice(notice));
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }

    fn closed(&self) -> Vec<(u64, FinalFrom)> {
        let record = self.record();
        record.closed.iter().map(|closed| (closed.flow.key.cookie, closed.final_from)).collect()
    }
}

fn interrupted() -> Error {
    Error::DumpInterrupted { family: Family::V4 }
}

fn socket(cookie: u64) -> Raw {
    Raw::ipv4(cookie).tcp_info(100, 10, 20)
}

#[test]
fn a_watched_flow_is_polled_each_10_ms_and_others_each_100_ms() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.socket(&socket(2));
    bench.watch(1);
    bench.run_until(1_000);
    bench.event(&socket(1));
    bench.event(&socket(2));
    let record = bench.record();
    // The instants 10 to 1000 ms; 0 is the moment of the call itself.
    assert_eq!(record.closed[0].polls_done, 100);
    // The instants 0, 100, … 1000 ms.
    assert_eq!(record.closed[1].polls_done, 11);
    assert_eq!(record.closed[0].polls_missed + record.closed[1].polls_missed, 0);
    assert_eq!(record.closed[0].longest_gap_us, Some(10_000));
    assert_eq!(bench.world.lock().gets, 100);
}

#[test]
fn a_row_is_saved_when_something_changed_and_counts_the_polls_that_did_not() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(50);
    // Ages alone change nothing.
    bench.socket(&socket(1).at(72 + 4 + 44, &[9; 16]));
    bench.run_until(70);
    bench.socket(&Raw::ipv4(1).tcp_info(100, 11, 20));
    bench.run_until(100);
    let record = bench.record();
    let rows: Vec<_> = record
        .rows
        .iter()
        .map(|(_, row)| (row.n, row.poll_no, row.unchanged_before, row.elapsed_us))
        .collect();
    assert_eq!(rows, [(0, 0, 0, 10_000), (1, 7, 6, 80_000)]);
}

#[test]
fn late_rounds_are_missed_polls_and_not_caught_up() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(50);
    // The instants 60 to 90 pass unused; 100 is done 9 ms late, 110 is too near.
    bench.socket(&socket(1).tcp_info(0, 0, 0));
    bench.stall_until(109_000);
    bench.run_until(109);
    bench.socket(&Raw::ipv4(1).tcp_info(100, 11, 20));
    bench.run_until(130);
    let gets = bench.world.lock().gets;
    assert_eq!(gets, 5 + 1 + 2, "no poll at 110 ms");
    assert_eq!(bench.counters.polls_missed.get(), 5);
    bench.event(&socket(1));
    let record = bench.record();
    let closed = &record.closed[0];
    assert_eq!((closed.polls_done, closed.polls_missed), (8, 5));
    assert_eq!(closed.longest_gap_us, Some(59_000));
    let late: Vec<_> =
        record.rows.iter().map(|(_, row)| (row.poll_no, row.missed_before)).collect();
    assert_eq!(late[1], (9, 4));
    assert_eq!(bench.counters.lateness.longest_us(), 49_000);
}

#[test]
fn done_and_missed_fill_the_window_whatever_the_delays() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    // Stalls of 0 to 49 ms without rhythm.
    let mut at_us = 0;
    for step in 0_u64..500 {
        at_us += 7_000 + step * 7_919 % 43_000;
        bench.stall_until(at_us);
        bench.run_until(at_us / 1_000);
    }
    bench.event(&socket(1));
    let record = bench.record();
    let closed = &record.closed[0];
    let periods = at_us / 10_000;
    let polls = closed.polls_done + closed.polls_missed;
    assert!(polls.abs_diff(periods) <= 1, "{polls} polls in {periods} periods");
    assert!(closed.polls_missed > periods / 5, "{} missed", closed.polls_missed);
}

#[test]
fn polls_that_take_longer_than_a_period_are_counted_as_missed_ones() {
    let mut bench = Bench::new();
    bench.world.lock().get_takes_ns = 4 * MS;
    for cookie in 1..=5 {
        bench.socket(&socket(cookie));
        bench.watch(cookie);
    }
    bench.run_until(1_000);
    for cookie in 1..=5 {
        bench.event(&socket(cookie));
    }
    for closed in &bench.record().closed {
        assert!((closed.polls_done + closed.polls_missed).abs_diff(100) <= 1, "{closed:?}");
        assert!(closed.polls_done.abs_diff(50) <= 1, "20 ms for a round: {closed:?}");
    }
}

#[test]
fn watching_later_and_no_more_changes_the_period_and_loses_no_count() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.run_until(250);
    bench.watch(1);
    bench.run_until(455);
    bench.unwatch(1);
    bench.run_until(1_000);
    bench.event(&socket(1));
    let record = bench.record();
    // 0, 100, 200; 260 to 450; 500 to 1000.
    assert_eq!(record.closed[0].polls_done, 3 + 20 + 6);
    assert_eq!(record.closed[0].polls_missed, 0);
}

/// Length, polls done and polls missed of the time in which a flow was watched.
fn watched(closed: &Closed) -> (u64, u64, u64) {
    let watched = closed.watched.expect("watched");
    (watched.elapsed_us, watched.polls_done, watched.polls_missed)
}

#[test]
fn a_late_first_poll_is_missed_polls() {
    let mut bench = Bench::new();
    bench.run_until(3);
    bench.socket(&socket(1));
    let since = bench.world.now();
    bench.stall_until(47_000);
    bench.watch_since(1, since);
    bench.run_until(100);
    bench.event(&socket(1));
    assert_eq!(bench.counters.lateness.longest_us(), 37_000);
    let record = bench.record();
    let first = &record.rows[0].1;
    assert_eq!((first.poll_no, first.missed_before, first.elapsed_us), (3, 3, 44_000));
    // 40 at 47 ms, 60 to 100; not 10 to 30, and 50 is too near.
    assert_eq!(watched(&record.closed[0]), (97_000, 6, 4));
}

#[test]
fn a_flow_known_before_it_is_watched_keeps_both_times_apart() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.run_until(50);
    // The dumps at 100 and 200 ms are not made.
    bench.stall_until(234_000);
    bench.watch(1);
    bench.socket(&Raw::ipv4(1).tcp_info(100, 11, 20));
    bench.run_until(300);
    bench.event(&socket(1));
    let record = bench.record();
    let closed = &record.closed[0];
    assert_eq!((closed.polls_done, closed.polls_missed), (1 + 7, 2));
    let since = Moment { monotonic_ns: START + 234 * MS, wall_us: 1_700_000_001_234_000 };
    let (elapsed_us, polls_done) = (66_000, 7);
    let expected = Watched { since, elapsed_us, poll_no: 3, polls_done, polls_missed: 0 };
    assert_eq!(closed.watched, Some(expected));
    let first = &record.rows[1].1;
    assert_eq!((first.poll_no, first.missed_before), (3, 2));
    assert_eq!(bench.counters.polls_missed.get(), 2);
}

#[test]
fn an_instant_before_the_call_is_not_polled() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(5);
    // The round of 10 ms is late, and still to come.
    bench.stall_until(10_500);
    bench.socket(&socket(2));
    bench.watch(2);
    bench.run_until(20);
    assert_eq!(bench.world.lock().gets, 2 + 1);
    bench.event(&socket(1));
    bench.event(&socket(2));
    let record = bench.record();
    assert_eq!(watched(&record.closed[0]), (20_000, 2, 0));
    assert_eq!(watched(&record.closed[1]), (9_500, 1, 0));
}

#[test]
fn polls_due_before_the_end_of_watching_are_missed_and_later_ones_are_not() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(50);
    bench.stall_until(72_000);
    let until = bench.world.now();
    bench.stall_until(94_000);
    bench.engine.handle(Input::Unwatch(1, until));
    bench.run_until(300);
    bench.event(&socket(1));
    let record = bench.record();
    assert_eq!(watched(&record.closed[0]), (72_000, 5, 2));
    let closed = &record.closed[0];
    assert_eq!((closed.polls_done, closed.polls_missed), (5 + 3, 2));
}

#[test]
fn polls_made_before_the_end_of_watching_was_heard_lengthen_it() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(31);
    let until = bench.world.now();
    bench.run_until(52);
    bench.engine.handle(Input::Unwatch(1, until));
    bench.run_until(90);
    bench.event(&socket(1));
    assert_eq!(watched(&bench.record().closed[0]), (50_000, 5, 0));
}

#[test]
fn a_flow_destroyed_while_it_is_watched_missed_the_polls_up_to_then() {
    let mut bench = Bench::new();
    bench.run_until(4);
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(100);
    bench.stall_until(145_500);
    bench.event(&socket(1));
    assert_eq!(watched(&bench.record().closed[0]), (141_500, 10, 4));
}

#[test]
fn a_flow_that_ends_with_the_sampler_missed_the_polls_up_to_then() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(100);
    bench.stall_until(125_000);
    bench.engine.finish();
    assert_eq!(watched(&bench.record().closed[0]), (125_000, 10, 2));
    assert_eq!(bench.counters.polls_missed.get(), 2);
}

#[test]
fn a_flow_that_is_not_found_is_watched_up_to_the_poll_before() {
    for is_unwatched in [false, true] {
        let mut bench = Bench::new();
        bench.socket(&socket(1));
        bench.watch(1);
        bench.run_until(105);
        bench.vanish(1);
        bench.run_until(500);
        if is_unwatched {
            bench.unwatch(1);
        }
        bench.event(&socket(1));
        assert_eq!(watched(&bench.record().closed[0]), (100_000, 10, 0));
    }
}

#[test]
fn a_flow_that_was_never_watched_has_no_such_time() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.run_until(100);
    bench.event(&socket(1));
    assert_eq!(bench.record().closed[0].watched, None);
}

/// Within less than a period, whatever is late.
#[track_caller]
fn fills(polls: u64, elapsed_us: u64) {
    assert!((polls * 10_000).abs_diff(elapsed_us) <= 10_000, "{polls} polls in {elapsed_us} us");
}

proptest! {
    #[test]
    fn polls_fill_the_time_of_watching_in_total_and_in_every_row(
        called_us in 0..300_000_u64,
        heard_after_us in 0..80_000_u64,
        stalls_us in prop::collection::vec(0..60_000_u64, 1..60),
        get_takes_us in 0..12_000_u64,
        known_before in any::<bool>(),
        ending in 0..4_u8,
        ending_heard_after_us in 0..40_000_u64,
    ) {
        let mut bench = Bench::new();
        bench.world.lock().get_takes_ns = get_takes_us * 1_000;
        // Others make the rounds long and keep the grid from its pause.
        for other in 2..4 {
            bench.socket(&socket(other));
            bench.watch(other);
        }
        if known_before {
            bench.socket(&socket(1));
        }
        bench.run_until(called_us / 1_000);
        bench.socket(&socket(1));
        let since = bench.world.now();
        bench.stall(heard_after_us);
        bench.watch_since(1, since);
        for (acked, stall_us) in (100..).zip(stalls_us) {
            bench.socket(&Raw::ipv4(1).tcp_info(100, acked, 20));
            bench.stall(stall_us);
            bench.engine.run_due();
        }
        let until = bench.world.now();
        bench.stall(ending_heard_after_us);
        match ending {
            0 => bench.engine.handle(Input::Unwatch(1, until)),
            1 => {
                // Heard late because a round came first.
                bench.engine.run_due();
                bench.engine.handle(Input::Unwatch(1, until));
            }
            2 => {
                bench.vanish(1);
                bench.engine.run_due();
            }
            _ => {}
        }
        bench.event(&socket(1));
        let record = bench.record();
        let watched = record.closed[0].watched.unwrap();
        prop_assert_eq!(watched.since, since);
        fills(watched.polls_done + watched.polls_missed, watched.elapsed_us);
        for (_, row) in record.rows.iter().filter(|(cookie, _)| *cookie == 1) {
            if row.poll_no >= watched.poll_no {
                let at_us = row.request_time - since.wall_us;
                fills(row.poll_no - watched.poll_no + 1, at_us as u64);
            }
        }
    }
}

#[test]
fn a_failed_dump_closes_nothing_and_is_repeated_soon() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.socket(&Raw::mapped(2).tcp_info(1, 1, 1));
    bench.run_until(50);
    // The sockets are gone, but no dump says so.
    bench.vanish(1);
    bench.vanish(2);
    bench.world.lock().dump_errors =
        [interrupted(), interrupted(), interrupted(), interrupted()].into();
    bench.run_until(105);
    assert_eq!((bench.counters.dumps_failed.get(), bench.world.lock().gets), (2, 0));
    bench.run_until(115);
    assert_eq!(bench.counters.dumps_failed.get(), 4, "repeated after 10 ms");
    bench.run_until(199);
    assert_eq!(bench.counters.dumps_failed.get(), 4, "and then in its turn");
    bench.run_until(1_190);
    assert_eq!(bench.closed(), []);
    // Not found at 200 ms; the grace is 1 s.
    bench.run_until(1_200);
    assert_eq!(bench.closed().len(), 2);
    let record = bench.record();
    assert_eq!(record.closed[0].closed.monotonic_ns, START + 200 * MS);
    assert_eq!(record.closed[0].polls_missed, 1, "the poll at 100 ms");
}

#[test]
fn a_dump_that_fails_for_one_family_closes_flows_of_the_other() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.socket(&Raw::mapped(2).tcp_info(1, 1, 1));
    bench.run_until(50);
    bench.vanish(1);
    bench.vanish(2);
    // IPv4 comes first: every second dump fails.
    bench.world.lock().dump_errors = [interrupted()].into();
    bench.run_until(105);
    assert_eq!(bench.world.lock().gets, 1, "asked for the IPv6 socket only");
}

#[test]
fn a_socket_in_a_state_that_dumps_leave_out_is_not_gone() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.run_until(50);
    bench.socket(&socket(1).at(1, &[CLOSED]));
    bench.run_until(2_000);
    assert_eq!(bench.closed(), []);
    bench.event(&socket(1));
    assert_eq!(bench.record().closed[0].polls_done, 21);
}

#[test]
fn an_event_ends_a_flow_with_the_final_counters() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(100);
    bench.vanish(1);
    bench.event(&Raw::ipv4(1).tcp_info(100, 999, 888));
    bench.run_until(3_000);
    assert_eq!(bench.closed(), [(1, FinalFrom::Destroy)]);
    let record = bench.record();
    let info = record.closed[0].final_counters.as_ref().unwrap();
    assert_eq!((info.bytes_acked(), info.bytes_received()), (Some(999), Some(888)));
    let last = record.closed[0].last_polled.as_ref().unwrap();
    assert_eq!(last.message.tcp_info.as_ref().unwrap().bytes_acked(), Some(10));
}

#[test]
fn an_event_within_the_grace_of_a_flow_not_found_still_has_the_last_word() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(100);
    bench.vanish(1);
    bench.run_until(1_000);
    assert_eq!(bench.closed(), []);
    bench.event(&Raw::ipv4(1).tcp_info(100, 999, 888));
    assert_eq!(bench.closed(), [(1, FinalFrom::Destroy)]);
    assert_eq!(bench.record().closed[0].polls_missed, 0, "there was nothing to poll");
}

#[test]
fn a_late_event_does_not_close_a_flow_twice() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(100);
    bench.vanish(1);
    bench.run_until(2_000);
    bench.event(&socket(1));
    assert_eq!(bench.closed(), [(1, FinalFrom::LastPoll)]);
    assert_eq!(bench.counters.events_ignored.get(), 1);
    assert_eq!(bench.record().opened, [1]);
}

#[test]
fn after_lost_events_flows_that_are_gone_end_with_their_last_poll_and_the_rest_live_on() {
    let mut bench =
        Bench::with(Settings { other_period: Duration::from_secs(1), ..Settings::default() });
    for cookie in 1..=1_000 {
        bench.socket(&socket(cookie));
    }
    bench.run_until(5);
    // 166 events arrive, the others are lost, and two flows are still there.
    (1..=998).for_each(|cookie| bench.vanish(cookie));
    bench.engine.handle(Input::Notice(Notice::Lost));
    bench.engine.handle(Input::Notice(Notice::Lost));
    (1..=166).for_each(|cookie| bench.event(&socket(cookie)));
    bench.run_until(900);
    assert_eq!(bench.world.lock().dumps, 4, "one more dump for all losses");
    bench.run_until(1_900);
    let closed = bench.closed();
    assert_eq!(closed.len(), 998);
    let by = |from| closed.iter().filter(|closed| closed.1 == from).count();
    assert_eq!((by(FinalFrom::Destroy), by(FinalFrom::LastPoll)), (166, 832));
    assert_eq!(bench.engine.flows.live.len(), 2);
}

#[test]
fn a_mini_socket_is_recorded_once_and_ended_by_its_event() {
    let mini = Raw::ipv4(1).at(1, &[state::FIN_WAIT2]);
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(100);
    bench.socket(&mini);
    bench.run_until(500);
    let states: Vec<_> = bench.record().rows.iter().map(|(_, row)| row.message.state).collect();
    assert_eq!(states, [state::ESTABLISHED, state::FIN_WAIT2]);
    bench.event(&Raw::ipv4(1).tcp_info(100, 11, 21));
    // The mini-socket stays for a minute.
    bench.run_until(3_000);
    assert_eq!(bench.closed(), [(1, FinalFrom::Destroy)]);
    let record = bench.record();
    assert_eq!((record.opened.len(), record.rows.len()), (1, 2));
    assert!(record.closed[0].last_polled.as_ref().unwrap().message.tcp_info.is_some());
}

#[test]
fn a_mini_socket_of_an_unknown_flow_is_no_flow() {
    let mut bench = Bench::new();
    bench.socket(&Raw::ipv4(1).at(1, &[state::FIN_WAIT2]));
    bench.run_until(1_000);
    assert_eq!(bench.record().opened, []);
}

#[test]
fn a_flow_known_from_its_event_alone_is_opened_and_closed() {
    let mut bench = Bench::with(Settings { local_ports: vec![443], ..Settings::default() });
    bench.event(&socket(1));
    bench.event(&socket(2).at(4, &[0, 80]));
    assert_eq!(bench.closed(), [(1, FinalFrom::Destroy)]);
    assert_eq!(bench.record().opened, [1]);
    let record = bench.record();
    let closed = &record.closed[0];
    assert!(closed.last_polled.is_none() && closed.rtt.is_none());
    assert_eq!((closed.polls_done, closed.polls_missed, closed.longest_gap_us), (0, 0, None));
}

#[test]
fn a_watched_socket_that_never_was_still_ends() {
    let mut bench = Bench::new();
    bench.watch(1);
    bench.run_until(2_000);
    assert_eq!(bench.closed(), [(1, FinalFrom::None)]);
    assert!(bench.record().closed[0].final_counters.is_none());
}

#[test]
fn counters_that_the_kernel_reset_are_not_final() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.run_until(50);
    bench.event(&Raw::ipv4(1).tcp_info(0, 0, 0));
    assert_eq!(bench.closed(), [(1, FinalFrom::LastPoll)]);
    let record = bench.record();
    assert_eq!(record.closed[0].final_counters.as_ref().unwrap().bytes_acked(), Some(10));
}

#[test]
fn a_failed_get_is_a_missed_poll() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(50);
    let timeout = || Error::Receive(std::io::ErrorKind::WouldBlock.into());
    bench.world.lock().get_errors = [timeout(), timeout()].into();
    bench.run_until(100);
    bench.event(&socket(1));
    let record = bench.record();
    assert_eq!((record.closed[0].polls_done, record.closed[0].polls_missed), (8, 2));
    assert_eq!(bench.counters.gets_failed.get(), 2);
}

#[test]
fn a_flow_that_a_get_missed_and_a_dump_shows_lives_on() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(150);
    bench.vanish(1);
    bench.run_until(165);
    bench.socket(&Raw::ipv4(1).tcp_info(100, 11, 20));
    bench.run_until(3_000);
    assert_eq!(bench.closed(), []);
    bench.event(&socket(1));
    let record = bench.record();
    // Polled each 10 ms again from the dump at 200 ms on; 160 to 200 are missed.
    assert_eq!((record.closed[0].polls_done, record.closed[0].polls_missed), (295, 5));
    assert_eq!(bench.counters.lateness.longest_us(), 0, "a pause is not lateness");
}

#[test]
fn a_flow_not_polled_between_its_last_poll_and_its_event_missed_those_polls() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(1);
    bench.run_until(100);
    bench.stall_until(145_000);
    bench.event(&socket(1));
    assert_eq!(bench.record().closed[0].polls_missed, 4);
    assert_eq!(bench.counters.polls_missed.get(), 4);
}

#[test]
fn finishing_ends_every_flow_with_its_last_poll() {
    let mut bench = Bench::new();
    bench.socket(&socket(1));
    bench.watch(2);
    bench.run_until(20);
    bench.engine.finish();
    let mut closed = bench.closed();
    closed.sort_by_key(|(cookie, _)| *cookie);
    assert_eq!(closed, [(1, FinalFrom::LastPoll), (2, FinalFrom::None)]);
    assert_eq!(bench.counters.flows_closed.get(), 2);
}
