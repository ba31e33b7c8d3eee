use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Bottleneck, Jitter, Loss};
use super::*;

const MS: Duration = Duration::from_millis(1);
const FRAME: usize = 1500;

/// 12 Mbit/s: a frame of 1500 bytes takes one millisecond.
const LINK: Bottleneck = Bottleneck { rate_bit_per_s: 12_000_000, queue_bytes: 15_000 };

#[test]
fn the_default_passes_a_frame_at_once() {
    let mut pipe = Pipe::new(Direction::default());
    assert_eq!(pipe.offer(5 * MS, FRAME), Ok(5 * MS));
}

#[test]
fn frames_leave_a_link_one_transmission_apart_and_after_the_delay() {
    let direction = Direction { delay: 20 * MS, bottleneck: Some(LINK), ..Direction::default() };
    let mut pipe = Pipe::new(direction);
    let burst: Vec<_> = (0..3).map(|_| pipe.offer(Duration::ZERO, FRAME)).collect();
    assert_eq!(burst, [Ok(21 * MS), Ok(22 * MS), Ok(23 * MS)]);
    // The link has been idle meanwhile, and is not owed anything for it.
    assert_eq!(pipe.offer(100 * MS, FRAME), Ok(121 * MS));
}

#[test]
fn a_full_queue_drops_its_tail_and_takes_frames_again_when_one_has_left() {
    let mut pipe = Pipe::new(Direction { bottleneck: Some(LINK), ..Direction::default() });
    for n in 1..=10 {
        assert_eq!(pipe.offer(Duration::ZERO, FRAME), Ok(n * MS));
    }
    assert_eq!(pipe.queue_bytes(), 15_000);
    assert_eq!(pipe.offer(Duration::ZERO, FRAME), Err(Dropped::QueueFull));
    assert_eq!(pipe.offer(Duration::ZERO, 1), Err(Dropped::QueueFull));
    assert_eq!(pipe.offer(MS, FRAME), Ok(11 * MS));
}

#[test]
fn an_idle_link_takes_a_frame_that_is_longer_than_its_queue() {
    let link = Bottleneck { queue_bytes: 100, ..LINK };
    let mut pipe = Pipe::new(Direction { bottleneck: Some(link), ..Direction::default() });
    assert_eq!(pipe.offer(Duration::ZERO, FRAME), Ok(MS));
    assert_eq!(pipe.offer(Duration::ZERO, FRAME), Err(Dropped::QueueFull));
}

#[test]
fn a_policer_passes_its_burst_then_its_rate_and_delays_nothing() {
    let policer = Policer { rate_bit_per_s: 12_000_000, burst_bytes: 4500 };
    let mut pipe = Pipe::new(Direction { policer: Some(policer), ..Direction::default() });
    for _ in 0..3 {
        assert_eq!(pipe.offer(Duration::ZERO, FRAME), Ok(Duration::ZERO));
    }
    assert_eq!(pipe.offer(Duration::ZERO, FRAME), Err(Dropped::Policed));
    assert_eq!(pipe.offer(MS / 2, FRAME), Err(Dropped::Policed));
    assert_eq!(pipe.offer(MS, FRAME), Ok(MS));
    assert_eq!(pipe.offer(MS, FRAME), Err(Dropped::Policed));
    // However long it waits, it never has more than its burst.
    let passed = (0..10).filter(|_| pipe.offer(1000 * MS, FRAME).is_ok()).count();
    assert_eq!(passed, 3);
}

#[test]
fn jitter_is_spread_evenly_from_nothing_to_its_limit() {
    let jitter = Jitter { spread: 10 * MS, reorders: false };
    let mut pipe = Pipe::new(Direction { delay: MS, jitter, ..Direction::default() });
    let mut tenths = [0; 10];
    for n in 0..10_000 {
        let now = n * 20 * MS;
        let jitter = pipe.offer(now, FRAME).unwrap().saturating_sub(now + MS);
        tenths[(jitter.as_nanos() / MS.as_nanos()) as usize] += 1;
    }
    // Five standard deviations of a binomial count with p = 1/10.
    assert!(tenths.iter().all(|count: &i32| (count - 1000).abs() < 150), "{tenths:?}");
}

#[test]
fn frames_overtake_each_other_only_if_asked() {
    for reorders in [false, true] {
        let jitter = Jitter { spread: 10 * MS, reorders };
        let mut pipe = Pipe::new(Direction { jitter, ..Direction::default() });
        let departures: Vec<_> = (0..100).map(|n| pipe.offer(n * MS, FRAME).unwrap()).collect();
        assert_eq!(!departures.is_sorted(), reorders);
    }
}

#[test]
fn a_new_direction_starts_the_draws_again_and_keeps_what_waits() {
    let lossy = Direction { loss: Loss::Random { share: 0.5 }, seed: 9, ..Direction::default() };
    let mut pipe = Pipe::new(lossy);
    let first: Vec<_> = (0..50).map(|_| pipe.offer(MS, FRAME)).collect();
    pipe.reconfigure(lossy);
    let second: Vec<_> = (0..50).map(|_| pipe.offer(MS, FRAME)).collect();
    assert_eq!(first, second);

    let slow = Direction { delay: 50 * MS, bottleneck: Some(LINK), ..Direction::default() };
    let mut pipe = Pipe::new(slow);
    assert_eq!(pipe.offer(Duration::ZERO, FRAME), Ok(51 * MS));
    pipe.reconfigure(Direction::default());
    assert_eq!(pipe.offer(Duration::ZERO, FRAME), Ok(51 * MS));
    assert_eq!(pipe.offer(60 * MS, FRAME), Ok(60 * MS));
}

fn loss() -> impl Strategy<Value = Loss> {
    let share = || 0.0..=1.0_f64;
    prop_oneof![
        Just(Loss::None),
        share().prop_map(|share| Loss::Random { share }),
        (share(), share(), share(), share()).prop_map(
            |(to_bad, to_good, good_share, bad_share)| Loss::GilbertElliott {
                to_bad,
                to_good,
                good_share,
                bad_share
            }
        ),
    ]
}

fn direction() -> impl Strategy<Value = Direction> {
    let link = (1_000_u64..1_000_000_000, 0_u64..100_000)
        .prop_map(|(rate_bit_per_s, queue_bytes)| Bottleneck { rate_bit_per_s, queue_bytes });
    let policer = (1_000_u64..1_000_000_000, 0_u64..100_000)
        .prop_map(|(rate_bit_per_s, burst_bytes)| Policer { rate_bit_per_s, burst_bytes });
    (
        (0_u32..1000, 0_u32..100, any::<bool>()),
        loss(),
        proptest::option::of(link),
        proptest::option::of(policer),
        any::<u64>(),
    )
        .prop_map(|((delay, spread, reorders), loss, bottleneck, policer, seed)| Direction {
            delay: delay * MS,
            jitter: Jitter { spread: spread * MS, reorders },
            loss,
            bottleneck,
            policer,
            seed,
        })
}

/// Gaps in microseconds between frames, and their lengths.
fn frames() -> impl Strategy<Value = Vec<(u64, usize)>> {
    vec((0_u64..20_000, 60_usize..1515), 1..300)
}

fn arrivals(frames: &[(u64, usize)]) -> impl Iterator<Item = (Duration, usize)> {
    frames.iter().scan(Duration::ZERO, |now, &(gap, length)| {
        *now += Duration::from_micros(gap);
        Some((*now, length))
    })
}

proptest! {
    #[test]
    fn no_frame_is_earlier_or_later_than_its_direction_allows(
        direction in direction(), frames in frames(),
    ) {
        let mut pipe = Pipe::new(direction);
        let mut last = Duration::ZERO;
        for (now, length) in arrivals(&frames) {
            let Ok(departure) = pipe.offer(now, length) else { continue };
            let (mut least, mut most) = (direction.delay, direction.delay + direction.jitter.spread);
            if let Some(Bottleneck { rate_bit_per_s, queue_bytes }) = direction.bottleneck {
                least += transmission(length as u64, rate_bit_per_s);
                most += transmission(queue_bytes.max(length as u64), rate_bit_per_s);
                prop_assert!(pipe.queue_bytes() <= queue_bytes.max(length as u64));
            }
            prop_assert!(departure >= now + least);
            if direction.jitter.reorders {
                prop_assert!(departure <= now + most);
            } else {
                prop_assert!(departure <= (now + most).max(last));
                prop_assert!(departure >= last);
            }
            last = departure;
        }
    }

    #[test]
    fn a_link_and_a_policer_pass_no_more_than_their_rate_in_any_interval(
        rate_bit_per_s in 10_000_u64..100_000_000, bytes in 1_514_u64..50_000, frames in frames(),
    ) {
        let link = Bottleneck { rate_bit_per_s, queue_bytes: bytes };
        let policer = Policer { rate_bit_per_s, burst_bytes: bytes };
        let link = Direction { bottleneck: Some(link), ..Direction::default() };
        let policer = Direction { policer: Some(policer), ..Direction::default() };
        // A link's departure is the end of a transmission: from the first one's
        // on, the link has sent what came after it.
        for (direction, skip, burst) in [(link, 1, 0.0), (policer, 0, bytes as f64)] {
            let mut pipe = Pipe::new(direction);
            let passed: Vec<(Duration, u64)> = arrivals(&frames)
                .filter_map(|(now, length)| Some((pipe.offer(now, length).ok()?, length as u64)))
                .collect();
            for (first, (start, _)) in passed.iter().enumerate() {
                let mut sum = 0;
                for (time, length) in passed.iter().skip(first + skip) {
                    sum += length;
                    let seconds = time.saturating_sub(*start).as_secs_f64();
                    let limit = burst + seconds * rate_bit_per_s as f64 / 8.0;
                    // Transmission times are whole nanoseconds.
                    prop_assert!(sum as f64 <= 1.001 * limit + 1.0, "{sum} > {limit}");
                }
            }
        }
    }

    #[test]
    fn losses_depend_on_the_order_of_frames_and_on_nothing_else(
        loss in loss(), seed in any::<u64>(), one in frames(), other in frames(),
    ) {
        let lost = |frames: &[(u64, usize)]| -> Vec<bool> {
            let mut pipe = Pipe::new(Direction { loss, seed, ..Direction::default() });
            arrivals(frames).map(|(now, length)| pipe.offer(now, length).is_err()).collect()
        };
        let (one, other) = (lost(&one), lost(&other));
        let both = one.len().min(other.len());
        prop_assert_eq!(&one[..both], &other[..both]);
    }
}
