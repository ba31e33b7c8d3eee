use trigpoint_mlab::SockId;
use trigpoint_record::FlowIdPrefix;

use super::*;

/// An event of the connection with this cookie, which carried a test.
fn event(kind: EventKind, cookie: u64, stream: u64, sequence: u64) -> FlowEvent {
    let flow_id = FlowIdPrefix::new("host", 1).flow_id(cookie);
    FlowEvent {
        kind,
        time: 1_000_000 + sequence as i64,
        test_id: (kind == EventKind::Close).then(|| flow_id.to_string()),
        flow_id,
        socket: Some(SockId {
            local: "192.0.2.1:80".parse().unwrap(),
            remote: ([198, 51, 100, cookie as u8], 5000).into(),
            interface: 0,
            cookie,
        }),
        position: Some(Position { stream, sequence }),
        is_replay: false,
    }
}

fn open(cookie: u64, stream: u64, sequence: u64) -> FlowEvent {
    event(EventKind::Open, cookie, stream, sequence)
}

fn close(cookie: u64, stream: u64, sequence: u64) -> FlowEvent {
    event(EventKind::Close, cookie, stream, sequence)
}

fn address(client: &Client) -> String {
    client.address.to_string()
}

fn at_close() -> Flows {
    Flows::new(Trigger::Close, true)
}

#[test]
fn a_client_is_traced_once_at_the_end_of_its_connection() {
    let mut flows = at_close();
    assert_eq!(flows.take(open(7, 1, 4)), None);
    assert_eq!(flows.open(), 1);
    let client = flows.take(close(7, 1, 5)).unwrap();
    assert_eq!(address(&client), "198.51.100.7");
    assert_eq!(client.opened_time, 1_000_004);
    assert_eq!(client.test_id.as_deref(), Some("host_1_0000000000000007"));
    assert_eq!(flows.take(close(7, 1, 5)), None, "the same line again");
    assert_eq!((flows.open(), flows.take_missed()), (0, 0));
}

#[test]
fn a_connection_without_a_test_is_of_interest_only_on_request() {
    let plain = FlowEvent { test_id: None, ..close(7, 1, 2) };
    assert_eq!(at_close().take(plain.clone()), None);
    assert!(Flows::new(Trigger::Close, false).take(plain).is_some());
}

#[test]
fn at_the_opening_a_client_is_traced_at_once() {
    let mut flows = Flows::new(Trigger::Open, true);
    assert_eq!(flows.take(open(7, 1, 1)).unwrap().trigger, Trigger::Open);
    assert_eq!(flows.take(close(7, 1, 2)), None);
    assert_eq!(flows.cut_off(), []);
}

/// The line breaks; the server lives on and tells again what is open.
#[test]
fn after_a_break_nobody_is_traced_twice_and_what_was_missed_is_counted() {
    let mut flows = at_close();
    flows.take(open(1, 1, 1));
    flows.take(open(2, 1, 2));
    let mut told: Vec<_> = flows.cut_off().iter().map(address).collect();
    told.sort();
    assert_eq!(told, ["198.51.100.1", "198.51.100.2"], "their ends may never be told");
    // Meanwhile 3 opened, 4 opened and closed, and 1 closed.
    let replayed = |event| FlowEvent { is_replay: true, ..event };
    assert_eq!(flows.take(replayed(open(2, 1, 2))), None);
    assert_eq!(flows.take(replayed(open(3, 1, 3))), None);
    assert_eq!(flows.take(close(2, 1, 7)), None, "was told at the break");
    assert_eq!(flows.take_missed(), 3);
    assert_eq!(flows.take(close(3, 1, 8)).as_ref().map(address).as_deref(), Some("198.51.100.3"));
}

/// The server has served for long before; its connections are told again.
#[test]
fn who_comes_late_has_missed_nothing() {
    let mut flows = at_close();
    for cookie in [1, 2] {
        let replayed = FlowEvent { is_replay: true, ..open(cookie, 1, 100 * cookie) };
        assert_eq!(flows.take(replayed), None);
    }
    assert!(flows.take(close(1, 1, 900)).is_some());
    assert_eq!(flows.take_missed(), 0);
    assert!(flows.take(close(2, 1, 902)).is_some());
    assert_eq!(flows.take_missed(), 1);
}

/// The line breaks again and again, and the ends of most are never told.
#[test]
fn of_all_that_were_told_only_those_are_remembered_that_may_end_yet() {
    let mut flows = at_close();
    flows.take(open(1, 1, 1));
    flows.cut_off();
    let mut last = 1;
    for _ in 0..3 {
        flows.take(FlowEvent { is_replay: true, ..open(1, 1, 1) });
        for _ in 0..MAX_OPEN / 2 {
            last += 1;
            flows.take(open(last, 1, last));
        }
        assert_eq!(flows.cut_off().len(), MAX_OPEN / 2);
    }
    assert_eq!(flows.take(close(1, 1, last + 1)), None, "the server told of it each time");
    assert_eq!(flows.take(close(last, 1, last + 2)), None, "it was the last");
    assert!(flows.take(close(2, 1, last + 3)).is_some(), "the memory is bounded");
}

#[test]
fn a_server_that_starts_again_counts_from_one() {
    let mut flows = at_close();
    flows.take(open(1, 1, 1000));
    flows.cut_off();
    assert_eq!(flows.take(open(1, 2, 1)), None);
    assert!(flows.take(close(1, 2, 2)).is_some(), "another connection with the same cookie");
    assert!(flows.take(close(5, 2, 5)).is_some(), "its end alone says enough");
    assert_eq!(flows.take_missed(), 2);
}

#[test]
fn lines_of_mlabs_server_have_no_numbers_and_no_addresses_at_the_end() {
    let mut flows = Flows::new(Trigger::Close, false);
    let plain = |event| FlowEvent { position: None, test_id: None, ..event };
    flows.take(plain(open(1, 0, 0)));
    let end = FlowEvent { socket: None, ..plain(close(1, 0, 0)) };
    assert_eq!(flows.take(end.clone()).as_ref().map(address).as_deref(), Some("198.51.100.1"));
    assert_eq!(flows.take(end), None);
}
