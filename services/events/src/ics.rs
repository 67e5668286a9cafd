//! An event as an iCalendar file (RFC 5545).

use imajin_events_api::{EventStatus, EventView};
use imajin_kernel::Timestamp;

/// Lines are at most 75 octets long, without the line break (RFC 5545, section 3.1).
const LINE_OCTETS_MAX: usize = 75;

/// The calendar file of an event. `host` makes its UID unique in the world, `url` is the event's page.
pub(crate) fn calendar(event: &EventView, host: &str, url: &str, now: Timestamp) -> String {
    let place: Vec<&str> = [&event.venue, &event.address, &event.virtual_url]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let status = if event.status == EventStatus::Cancelled {
        "CANCELLED"
    } else {
        "CONFIRMED"
    };
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//imajin//events//EN".to_owned(),
        "CALSCALE:GREGORIAN".to_owned(),
        "METHOD:PUBLISH".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}@{host}", event.id),
        format!("DTSTAMP:{}", utc(now)),
        format!("DTSTART:{}", utc(event.starts_at)),
        format!("DTEND:{}", utc(event.ends_at)),
        format!("SUMMARY:{}", escaped(&event.title)),
        format!("STATUS:{status}"),
        format!("URL:{url}"),
    ];
    if !event.description.is_empty() {
        lines.push(format!("DESCRIPTION:{}", escaped(&event.description)));
    }
    if !place.is_empty() {
        lines.push(format!("LOCATION:{}", escaped(&place.join(", "))));
    }
    if !event.tags.is_empty() {
        let tags: Vec<String> = event.tags.iter().map(|tag| escaped(tag)).collect();
        lines.push(format!("CATEGORIES:{}", tags.join(",")));
    }
    lines.push("END:VEVENT".to_owned());
    lines.push("END:VCALENDAR".to_owned());
    lines.iter().map(|line| folded(line)).collect()
}

/// A moment in UTC: form 2 of section 3.3.5.
fn utc(moment: Timestamp) -> String {
    let text = Timestamp::from_seconds(moment.as_seconds()).to_string();
    text.chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

/// The value of a TEXT property (section 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\r' => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Breaks a line so that no part of it is too long and no character is torn apart; each part ends with CRLF.
fn folded(line: &str) -> String {
    let mut folded = String::with_capacity(line.len() + 8);
    let mut octets = 0;
    for c in line.chars() {
        if octets + c.len_utf8() > LINE_OCTETS_MAX {
            folded.push_str("\r\n ");
            octets = 1;
        }
        folded.push(c);
        octets += c.len_utf8();
    }
    folded.push_str("\r\n");
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_cannot_add_properties() {
        assert_eq!(escaped("a;b,c\\d\r\nATTACH:x"), "a\\;b\\,c\\\\d\\nATTACH:x");
    }

    #[test]
    fn long_lines_are_folded_between_characters() {
        let line = format!("SUMMARY:{}", "ü".repeat(100));
        let folded = folded(&line);
        assert!(folded.split("\r\n").all(|part| part.len() <= 75), "{folded:?}");
        assert_eq!(folded.replace("\r\n ", "").trim_end(), line);
    }

    #[test]
    fn moments_are_written_in_utc_to_the_second() {
        assert_eq!(utc(Timestamp::from_micros(1_772_323_200_500_000)), "20260301T000000Z");
    }
}
