//! When nodes may be taken for a new revision.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use crate::Time;

/// One of `spec.rollout.windows`: a span of time on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// On which it begins; empty: on every day.
    pub days: Vec<Weekday>,
    /// When, by the clock on the wall there.
    pub start: NaiveTime,
    /// Until when; not later than `start`: on the next day.
    pub end: NaiveTime,
    /// Where.
    pub time_zone: Tz,
}

/// Whether one of the windows is open; if not, when the next one opens.
pub(crate) fn open(windows: &[Window], now: Time) -> Result<(), Option<Time>> {
    if windows.is_empty() || windows.iter().any(|window| window.is_open(now)) {
        return Ok(());
    }
    Err(windows.iter().filter_map(|window| window.next(now)).min())
}

impl Window {
    fn is_open(&self, now: Time) -> bool {
        let today = now.with_timezone(&self.time_zone).date_naive();
        // One that began yesterday may last until today.
        [today.pred_opt(), Some(today)]
            .into_iter()
            .flatten()
            .filter_map(|day| self.on(day))
            .any(|(start, end)| start <= now && now < end)
    }

    fn next(&self, now: Time) -> Option<Time> {
        let today = now.with_timezone(&self.time_zone).date_naive();
        (0..=7)
            .filter_map(|days| self.on(today.checked_add_days(Days::new(days))?))
            .map(|(start, _)| start)
            .find(|start| *start > now)
    }

    /// The window that begins on that day, if one does.
    fn on(&self, day: NaiveDate) -> Option<(Time, Time)> {
        use chrono::Datelike;
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.end > self.start { day } else { day.succ_opt()? };
        Some((
            instant(self.time_zone, day.and_time(self.start), false),
            instant(self.time_zone, last.and_time(self.end), true),
        ))
    }
}

/// The moment at which the clock on the wall says that: of two the earlier or the
/// later one; where the clock is put forward over it, the first one behind.
fn instant(zone: Tz, wall: NaiveDateTime, is_later: bool) -> Time {
    // The longest gap is the day that Samoa left out.
    let quarters = 0..=24 * 4;
    let found = quarters.map(|n| wall + TimeDelta::minutes(15 * n)).find_map(|wall| {
        let moments = zone.from_local_datetime(&wall);
        if is_later { moments.latest() } else { moments.earliest() }
    });
    found.map_or_else(|| Utc.from_utc_datetime(&wall), |moment| moment.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::{Window, open};
    use crate::Time;
    use chrono::{NaiveTime, Weekday};

    fn time(text: &str) -> Time {
        text.parse().expect("a time")
    }

    fn window(days: &[Weekday], start: &str, end: &str, zone: &str) -> Window {
        let clock = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").expect("a clock time");
        Window {
            days: days.to_vec(),
            start: clock(start),
            end: clock(end),
            time_zone: zone.parse().expect("a zone"),
        }
    }

    #[test]
    fn without_windows_it_is_always_open() {
        assert_eq!(open(&[], time("2026-11-27T12:00:00Z")), Ok(()));
    }

    #[test]
    fn the_clock_is_the_one_on_the_wall_there() {
        // Fridays; New York is five hours behind in November.
        let windows = [window(&[Weekday::Fri], "02:00", "05:00", "America/New_York")];
        let next = time("2026-11-27T07:00:00Z");
        assert_eq!(open(&windows, time("2026-11-27T06:59:59Z")), Err(Some(next)));
        assert_eq!(open(&windows, next), Ok(()));
        assert_eq!(open(&windows, time("2026-11-27T09:59:59Z")), Ok(()));
        let week_later = Some(time("2026-12-04T07:00:00Z"));
        assert_eq!(open(&windows, time("2026-11-27T10:00:00Z")), Err(week_later));
    }

    #[test]
    fn over_midnight_it_belongs_to_the_day_on_which_it_begins() {
        let windows = [window(&[Weekday::Fri], "22:00", "04:00", "UTC")];
        assert_eq!(open(&windows, time("2026-11-28T03:59:00Z")), Ok(()));
        assert!(open(&windows, time("2026-11-27T03:59:00Z")).is_err());
        assert!(open(&windows, time("2026-11-28T22:30:00Z")).is_err());
    }

    #[test]
    fn start_and_end_alike_is_a_whole_day() {
        let windows = [window(&[Weekday::Sat], "00:00", "00:00", "UTC")];
        assert_eq!(open(&windows, time("2026-11-28T23:59:59Z")), Ok(()));
        assert!(open(&windows, time("2026-11-29T00:00:00Z")).is_err());
    }

    #[test]
    fn a_start_that_the_clock_skips_is_when_it_goes_on() {
        // Berlin, 2026-03-29: 02:00 is followed by 03:00, which is 01:00 UTC.
        let windows = [window(&[], "02:30", "04:00", "Europe/Berlin")];
        assert_eq!(
            open(&windows, time("2026-03-29T00:59:59Z")).map_err(|at| at.is_some()),
            Err(true)
        );
        assert_eq!(open(&windows, time("2026-03-29T01:00:00Z")), Ok(()));
        assert_eq!(open(&windows, time("2026-03-29T01:59:59Z")), Ok(()));
        assert!(open(&windows, time("2026-03-29T02:00:00Z")).is_err());
    }

    #[test]
    fn of_an_hour_that_comes_twice_both_are_inside() {
        // Berlin, 2026-10-25: 03:00 is followed by 02:00.
        let windows = [window(&[], "02:00", "02:59", "Europe/Berlin")];
        assert_eq!(open(&windows, time("2026-10-25T00:00:00Z")), Ok(()));
        assert_eq!(open(&windows, time("2026-10-25T01:30:00Z")), Ok(()));
        assert!(open(&windows, time("2026-10-25T02:00:00Z")).is_err());
    }
}
