//! Moments, written for people.

use imajin_kernel::Timestamp;
use jiff::Zoned;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::When;

const ISO: &str = "%Y-%m-%dT%H:%M:%S%:z";
const EVENT: &str = "%a %-d %B %Y, %H:%M %Z";
const MOMENT: &str = "%-d %B %Y, %H:%M %Z";

/// When something happened, in UTC: the node does not know where its reader is.
pub fn moment(at: Timestamp) -> When {
    let at = zoned(at, TimeZone::UTC);
    When::new(format(ISO, &at), format(MOMENT, &at))
}

/// When an event starts, in its own time zone, with a date block.
pub fn event_time(at: Timestamp, timezone: &str) -> When {
    let at = zoned(at, zone(timezone));
    When {
        iso: format(ISO, &at),
        text: format(EVENT, &at),
        day: format("%-d", &at),
        month: format("%b", &at),
    }
}

/// When an event ends: on the day of its start the hour alone says it.
pub fn event_end(starts: Timestamp, ends: Timestamp, timezone: &str) -> When {
    let (starts, ends) = (zoned(starts, zone(timezone)), zoned(ends, zone(timezone)));
    let text = if starts.date() == ends.date() { "%H:%M" } else { EVENT };
    When::new(format(ISO, &ends), format(text, &ends))
}

/// A zone that is not known is shown as UTC, and says so.
fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn zoned(at: Timestamp, zone: TimeZone) -> Zoned {
    let ends = (
        jiff::Timestamp::MIN.as_microsecond(),
        jiff::Timestamp::MAX.as_microsecond(),
    );
    let micros = at.as_micros().clamp(ends.0, ends.1);
    jiff::Timestamp::from_microsecond(micros)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(zone)
}

fn format(pattern: &str, at: &Zoned) -> String {
    strtime::format(pattern, at).unwrap_or_else(|_impossible| at.timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_events_time_is_its_own() {
        let winter = event_time(at("2026-12-12T19:00:00Z"), "Europe/Berlin");
        assert_eq!(winter.text, "Sat 12 December 2026, 20:00 CET");
        assert_eq!(winter.iso, "2026-12-12T20:00:00+01:00");
        assert_eq!((winter.day.as_str(), winter.month.as_str()), ("12", "Dec"));
        let summer = event_time(at("2026-07-01T18:00:00Z"), "Europe/Berlin");
        assert_eq!(summer.text, "Wed 1 July 2026, 20:00 CEST");
        let unknown = event_time(at("2026-07-01T18:00:00Z"), "Mars/Olympus");
        assert_eq!(unknown.text, "Wed 1 July 2026, 18:00 UTC");
    }

    #[test]
    fn an_end_on_the_same_day_is_short() {
        let (starts, late) = (at("2026-12-12T19:00:00Z"), at("2026-12-12T23:30:00Z"));
        assert_eq!(
            event_end(starts, at("2026-12-12T21:30:00Z"), "Europe/Berlin").text,
            "22:30"
        );
        assert_eq!(
            event_end(starts, late, "Europe/Berlin").text,
            "Sun 13 December 2026, 00:30 CET"
        );
    }

    #[test]
    fn other_moments_are_in_utc_and_the_ends_of_time_do_no_harm() {
        assert_eq!(moment(at("2026-11-21T13:03:11Z")).text, "21 November 2026, 13:03 UTC");
        assert!(!moment(Timestamp::from_micros(i64::MAX)).text.is_empty());
        assert!(
            !event_time(Timestamp::from_micros(i64::MIN), "Asia/Tokyo")
                .text
                .is_empty()
        );
    }
}
