//! The path emulator does to real traffic what its settings say.
//!
//! A loaded machine makes everything later and nothing earlier.  So lower bounds
//! on time hold for every packet, and upper bounds for the best of many.  What is
//! random is compared packet by packet with the pure `Pipe` of the same seed.

use std::time::{Duration, Instant};

use trigpoint_testkit::eventually;
use trigpoint_testkit::lab::path::{Bottleneck, Direction, Jitter, Loss, Path, Pipe, Policer};
use trigpoint_testkit::lab::{Emulated, inside};

use crate::traffic::{Datagrams, Transfer};

/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(2);
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_round_trip_takes_both_delays_in_both_families_and_follows_a_change() {
    inside(
        "emulator::a_round_trip_takes_both_delays_in_both_families_and_follows_a_change",
        || {
            let path = |forward: u32, backward: u32| Path {
                forward: Direction { delay: forward * MS, ..Direction::default() },
                backward: Direction { delay: backward * MS, ..Direction::default() },
            };
            let lab = Emulated::new(&path(0, 0));
            for server in [lab.server_v4(), lab.server_v6()] {
                let datagrams = Datagrams::new(&lab, server);
                datagrams.echo();
                for (forward, backward) in [(20, 30), (0, 5), (5, 0)] {
                    lab.reconfigure(&path(forward, backward));
                    let set = (forward + backward) * MS;
                    let mut beyond = Vec::new();
                    eventually(DEADLINE, "20 round trips within 1 ms of the set delay", || {
                        let time = datagrams.round_trip();
                        assert!(time >= set, "{time:?} is less than {set:?}");
                        beyond.push(time.checked_sub(set)?);
                        (beyond.iter().filter(|beyond| **beyond <= MS).count() == 20).then_some(())
                    });
                    beyond.sort();
                    let (median, count) = (beyond[beyond.len() / 2], beyond.len());
                    println!("{server}: {set:?} and {median:?} more (median of {count})");
                }
            }
        },
    );
}

#[test]
fn exactly_those_packets_are_lost_that_the_seed_decides() {
    inside("emulator::exactly_those_packets_are_lost_that_the_seed_decides", || {
        const PACKETS: u32 = 2000;
        const LENGTH: usize = 100;
        let random = Loss::Random { share: 0.05 };
        let bursts =
            Loss::GilbertElliott { to_bad: 0.02, to_good: 0.3, good_share: 0.001, bad_share: 0.8 };
        let lab = Emulated::new(&Path::default());
        let datagrams = Datagrams::new(&lab, lab.server_v4());
        let mut all_lost = Vec::new();
        for (loss, seed) in [(random, 1), (random, 1), (random, 2), (bursts, 1)] {
            let direction = Direction { loss, seed, ..Direction::default() };
            lab.reconfigure(&Path { forward: direction, ..Path::default() });
            let mut pipe = Pipe::new(direction);
            let before = lab.counters().forward;
            let mut lost = Vec::new();
            // So few at once that no socket buffer loses any.
            for first in (0..PACKETS).step_by(50) {
                let numbers = first..first + 50;
                numbers.clone().for_each(|number| datagrams.send(number, LENGTH));
                for number in numbers {
                    match pipe.offer(Duration::ZERO, Datagrams::HEADERS + LENGTH) {
                        Ok(_) => {
                            let got = datagrams.receive_if_any();
                            let counted = lab.counters().forward;
                            assert_eq!(got, Some(number), "{loss:?}, seed {seed}: {counted:?}");
                        }
                        Err(_) => lost.push(number),
                    }
                }
            }
            let counted = eventually(DEADLINE, "every frame at the emulator", || {
                let counted = lab.counters().forward;
                let arrived = counted.received.frames - before.received.frames;
                (arrived == u64::from(PACKETS)).then_some(counted)
            });
            assert_eq!(counted.lost.frames - before.lost.frames, lost.len() as u64);
            let share = lost.len() as f64 / f64::from(PACKETS);
            println!("{loss:?}, seed {seed}: {:.2} % lost", 100.0 * share);
            if let Loss::Random { share: set } = loss {
                // Four standard deviations; the seeds are fixed, so this never flakes.
                let bound = 4.0 * (set * (1.0 - set) / f64::from(PACKETS)).sqrt();
                assert!((share - set).abs() < bound, "{share} is not {set} ± {bound}");
            }
            all_lost.push(lost);
        }
        assert_eq!(all_lost[0], all_lost[1]);
        assert_ne!(all_lost[0], all_lost[2]);
    });
}

#[test]
fn tcp_gets_the_rate_of_the_link_in_both_directions_and_families() {
    inside("emulator::tcp_gets_the_rate_of_the_link_in_both_directions_and_families", || {
        let lab = Emulated::new(&Path::default());
        for (rate_bit_per_s, delay) in [(5_000_000, 10 * MS), (50_000_000, 5 * MS)] {
            let link = Bottleneck { rate_bit_per_s, queue_bytes: 2_000_000 };
            let path = Direction { delay, bottleneck: Some(link), ..Direction::default() };
            lab.reconfigure(&Path::symmetric(path));
            // Of each Ethernet frame of 1,514 bytes, so many are TCP's payload.
            for (server, payload) in [(lab.server_v4(), 1448.0), (lab.server_v6(), 1428.0)] {
                for download in [true, false] {
                    let limit = rate_bit_per_s as f64 * payload / 1514.0;
                    let mut transfer = Transfer::start(&lab, server, download);
                    // It has filled the link by then.
                    transfer.rate_during(300 * MS);
                    let share = eventually(DEADLINE, "two seconds at the rate within 3 %", || {
                        let share = transfer.rate_during(2000 * MS) / limit;
                        let all = transfer.rate_until_now() / limit;
                        assert!(all < 1.0, "{all} of the link's rate");
                        (0.97..=1.03).contains(&share).then_some(share)
                    });
                    let word = if download { "download" } else { "upload" };
                    println!("{word} from {server}, {rate_bit_per_s} bit/s: {share:.4} of it");
                }
            }
        }
    });
}

#[test]
fn a_policer_passes_its_rate_and_its_burst_and_drops_the_rest() {
    inside("emulator::a_policer_passes_its_rate_and_its_burst_and_drops_the_rest", || {
        const LENGTH: usize = 958;
        const FRAME: f64 = (LENGTH + Datagrams::HEADERS) as f64;
        let policer = Policer { rate_bit_per_s: 1_000_000, burst_bytes: 20_000 };
        let path = Path {
            forward: Direction { policer: Some(policer), ..Direction::default() },
            ..Path::default()
        };
        let lab = Emulated::new(&path);
        let datagrams = Datagrams::new(&lab, lab.server_v4());
        datagrams.server.set_read_timeout(Some(MS)).unwrap();
        let share = eventually(DEADLINE, "a second at the policer's rate within 3 %", || {
            lab.reconfigure(&path);
            let before = lab.counters().forward;
            let started = Instant::now();
            let (mut number, mut passed) = (0, 0);
            while started.elapsed() < Duration::from_secs(1) {
                datagrams.send(number, LENGTH);
                number += 1;
                passed += datagrams.receive_if_any().into_iter().len();
            }
            let rest = datagrams.receive_if_any().into_iter().len();
            passed += rest;
            let seconds = started.elapsed().as_secs_f64();
            let counted = lab.counters().forward;
            let dropped = counted.policed.frames - before.policed.frames;
            assert_eq!(passed as u64 + dropped, u64::from(number));
            let limit = 20_000.0 / FRAME + seconds * policer.rate_bit_per_s as f64 / 8.0 / FRAME;
            assert!(passed as f64 <= limit, "{passed} of {number} passed, {limit} may");
            let share = passed as f64 / limit;
            (share > 0.97 && dropped > 0).then_some(share)
        });
        println!("policer: {share:.4} of what it may pass");
    });
}

#[test]
fn a_queue_delays_up_to_its_limit_and_drops_its_tail() {
    inside("emulator::a_queue_delays_up_to_its_limit_and_drops_its_tail", || {
        const LENGTH: usize = 958;
        // 8 ms for each frame of 1,000 bytes, and room for 30 of them.
        let link = Bottleneck { rate_bit_per_s: 1_000_000, queue_bytes: 30_000 };
        let path = Path {
            forward: Direction { bottleneck: Some(link), ..Direction::default() },
            ..Path::default()
        };
        let lab = Emulated::new(&path);
        let datagrams = Datagrams::new(&lab, lab.server_v4());
        let largest = eventually(DEADLINE, "a largest delay within 5 ms of the queue's", || {
            let before = lab.counters().forward;
            let started = Instant::now();
            let sent: Vec<Instant> = (0..150)
                .map(|number| {
                    datagrams.send(number, LENGTH);
                    Instant::now()
                })
                .collect();
            let dropped = eventually(DEADLINE, "every frame at the emulator", || {
                let counted = lab.counters().forward;
                let arrived = counted.received.frames - before.received.frames;
                (arrived == 150).then_some(counted.queue_full.frames - before.queue_full.frames)
            });
            let mut largest = Duration::ZERO;
            for n in 1..=150 - dropped as u32 {
                let number = datagrams.receive();
                let now = Instant::now();
                assert!(now - started >= n * 8 * MS, "frame {n} after {:?}", now - started);
                largest = largest.max(now - sent[number as usize]);
            }
            assert!(dropped > 0);
            // The next burst finds an empty queue: everything has arrived.
            (235 * MS..=245 * MS).contains(&largest).then_some(largest)
        });
        let counted = lab.counters().forward;
        assert_eq!(counted.largest_queue_bytes, 30_000);
        println!("queue of 240 ms: largest delay {largest:?}");
    });
}

#[test]
fn each_packet_has_the_jitter_that_the_seed_decides() {
    inside("emulator::each_packet_has_the_jitter_that_the_seed_decides", || {
        let jitter = Jitter { spread: 20 * MS, reorders: false };
        let direction = Direction { delay: 5 * MS, jitter, seed: 7, ..Direction::default() };
        let lab = Emulated::new(&Path { forward: direction, ..Path::default() });
        let datagrams = Datagrams::new(&lab, lab.server_v4());
        datagrams.echo();
        let mut pipe = Pipe::new(direction);
        let (mut now, mut as_set) = (Duration::ZERO, Vec::new());
        eventually(DEADLINE, "50 round trips within 1 ms of their own delay", || {
            // So far apart that none waits for the one before it.
            now += Duration::from_secs(1);
            let set = pipe.offer(now, 100 + Datagrams::HEADERS).ok()?.checked_sub(now)?;
            let time = datagrams.round_trip();
            assert!(time >= set, "{time:?} is less than {set:?}");
            if time <= set + MS {
                as_set.push(set);
            }
            (as_set.len() == 50).then_some(())
        });
        as_set.sort();
        let (least, median, most) = (as_set[0], as_set[25], as_set[49]);
        println!("jitter of 20 ms on 5 ms: {least:?}, {median:?} (median), {most:?}");
        assert!(most > least + 15 * MS, "{least:?} to {most:?}");
    });
}

#[test]
fn packets_overtake_each_other_only_if_asked() {
    inside("emulator::packets_overtake_each_other_only_if_asked", || {
        let path = |reorders| {
            let jitter = Jitter { spread: 20 * MS, reorders };
            Path { forward: Direction { jitter, ..Direction::default() }, ..Path::default() }
        };
        let lab = Emulated::new(&path(false));
        let datagrams = Datagrams::new(&lab, lab.server_v6());
        for reorders in [false, true] {
            lab.reconfigure(&path(reorders));
            (0..100).for_each(|number| datagrams.send(number, 100));
            let mut arrived: Vec<u32> = (0..100).map(|_| datagrams.receive()).collect();
            assert_eq!(!arrived.is_sorted(), reorders, "{arrived:?}");
            arrived.sort_unstable();
            assert!(arrived.into_iter().eq(0..100));
        }
    });
}
