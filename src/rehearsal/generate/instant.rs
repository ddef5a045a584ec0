//! Dates and times in microseconds since 1970, and those instants at which clocks change.

use fastrand::Rng;
use jiff::Timestamp;
use jiff::civil::DateTime;

/// A millisecond.
pub(super) const MILLISECOND: i64 = 1_000;
/// A day.
pub(super) const DAY: i64 = 86_400_000_000;
/// 2024-01-01.
pub(super) const FIRST: i64 = 19_723 * DAY;
/// 2026-01-01.
pub(super) const LAST: i64 = 20_454 * DAY;

/// Wall clocks that do not exist or exist twice: the changes of 2024 and 2025 in New York and Berlin.
const AMBIGUOUS: &[&str] = &[
    "2024-03-10 02:30:00",
    "2024-03-31 02:30:00",
    "2024-10-27 02:30:00",
    "2024-11-03 01:30:00",
    "2025-03-09 02:30:00",
    "2025-03-30 02:59:59.999999",
    "2025-10-26 02:00:00",
    "2025-11-02 01:59:59.999999",
];

/// The instants of these changes.
const CHANGES: &[&str] = &[
    "2024-03-10 06:59:59.999999+00",
    "2024-03-31 01:00:00+00",
    "2024-10-27 00:59:59.999999+00",
    "2024-11-03 06:00:00+00",
    "2025-03-09 07:00:00+00",
    "2025-03-30 00:59:59.999999+00",
    "2025-10-26 01:00:00+00",
    "2025-11-02 05:59:59.999999+00",
];

/// Reads a date or a time as PostgreSQL writes it in UTC.
pub(super) fn parse(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches("+00").trim_end_matches('Z').replace(' ', "T");
    let time: DateTime = if text.contains('T') {
        text.parse().ok()?
    } else {
        text.parse::<jiff::civil::Date>().ok()?.to_datetime(jiff::civil::Time::midnight())
    };
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

/// Returns an instant as text.
pub(super) fn text(microseconds: i64, zoned: bool) -> String {
    let text = Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string();
    if zoned { text } else { text.trim_end_matches('Z').replace('T', " ") }
}

/// Returns a date as text.
pub(super) fn date(days: i64) -> String {
    let mut text = text(days.saturating_mul(DAY), false);
    text.truncate(10);
    text
}

/// Returns a time of day as text.
pub(super) fn time(microseconds: i64) -> String {
    let of_day = microseconds.rem_euclid(DAY);
    let (seconds, rest) = (of_day / 1_000_000, of_day % 1_000_000);
    format!("{:02}:{:02}:{:02}.{rest:06}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Returns a random instant; some are at a change of the clock.
pub(super) fn random(least: i64, most: i64, zoned: bool, rng: &mut Rng) -> String {
    if rng.u8(..) < 8 {
        let special = if zoned { CHANGES } else { AMBIGUOUS };
        let chosen = parse(special[rng.usize(..special.len())]);
        if let Some(at) = chosen.filter(|at| least <= *at && *at <= most) {
            return text(at, zoned);
        }
    }
    text(rng.i64(least..=most), zoned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        assert_eq!(parse("2024-01-01"), Some(FIRST));
        assert_eq!(parse("2026-01-01 00:00:00+00"), Some(LAST));
        assert_eq!(text(FIRST + 1_500_000, false), "2024-01-01 00:00:01.5");
        assert_eq!(text(FIRST, true), "2024-01-01T00:00:00Z");
        assert_eq!(date(19_723), "2024-01-01");
        assert_eq!(time(3_723_000_004), "01:02:03.000004");
        assert!(CHANGES.iter().chain(AMBIGUOUS).all(|text| parse(text).is_some_and(|at| FIRST < at && at < LAST)));
    }
}
