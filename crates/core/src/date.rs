//! Calendar arithmetic without a time-zone database: a moment and the offset it was written with.
//!
//! Mail keeps numeric offsets ("+0200"), so nothing more is needed for INTERNALDATE, Date and search keys.
//! The day count is the proleptic Gregorian one; years 0 to 9999 are the ones mail can write.

use std::fmt;

/// A date that cannot exist or cannot be written in mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date between the years 0 and 9999")]
pub struct InvalidDate;

/// Month names of RFC 5322 §3.3 and RFC 9051 (`date-month`).
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilDate {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31, as the month allows.
    pub day: u8,
}

impl CivilDate {
    /// Checks that the day exists.
    pub fn new(year: u16, month: u8, day: u8) -> Result<CivilDate, InvalidDate> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(InvalidDate),
        };
        if year > 9999 || day == 0 || day > last {
            return Err(InvalidDate);
        }
        Ok(CivilDate { year, month, day })
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i64 {
        // Shift the year to start in March, so that the leap day is its last; 400 years have 146,097 days.
        let y = i64::from(self.year) - i64::from(self.month <= 2);
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let month_from_march = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The day that lies so many days after 1970-01-01.
    pub fn from_days(days: i64) -> Result<CivilDate, InvalidDate> {
        let z = days.checked_add(719_468).ok_or(InvalidDate)?;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u8;
        let month = ((mp + 2) % 12 + 1) as u8;
        let year = yoe + era * 400 + i64::from(month <= 2);
        let year = u16::try_from(year).map_err(|_| InvalidDate)?;
        CivilDate::new(year, month, day)
    }

    /// The English name of the month, as mail writes it.
    pub fn month_name(self) -> &'static str {
        MONTHS[usize::from(self.month - 1) % 12]
    }

    /// 1 to 12 from an English month name of three letters, without regard to case.
    pub fn month_from_name(name: &[u8]) -> Option<u8> {
        MONTHS.iter().position(|m| m.as_bytes().eq_ignore_ascii_case(name)).map(|i| i as u8 + 1)
    }
}

/// A moment to the second, with the offset from UTC it was written with.
///
/// Two values are equal only if both agree: an import must give back "+0200" where it read "+0200".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix: i64,
    /// Minutes east of UTC, −1439 to 1439.
    pub offset: i16,
}

impl DateTime {
    /// A moment in UTC.
    pub fn utc(unix: i64) -> DateTime {
        DateTime { unix, offset: 0 }
    }

    /// From what a clock on the wall shows. A leap second counts as the last second of its minute.
    pub fn from_civil(date: CivilDate, hour: u8, minute: u8, second: u8, offset: i16) -> Result<DateTime, InvalidDate> {
        if hour > 23 || minute > 59 || second > 60 || offset.unsigned_abs() >= 1440 {
            return Err(InvalidDate);
        }
        let local = date.days() * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second.min(59));
        Ok(DateTime { unix: local - i64::from(offset) * 60, offset })
    }

    /// Day and time of day (hour, minute, second) at the place of writing; a year beyond 9999 shows as its last day.
    pub fn civil(self) -> (CivilDate, u8, u8, u8) {
        let local = self.unix.saturating_add(i64::from(self.offset) * 60);
        let date = CivilDate::from_days(local.div_euclid(86_400)).unwrap_or(if local < 0 {
            CivilDate { year: 0, month: 1, day: 1 }
        } else {
            CivilDate { year: 9999, month: 12, day: 31 }
        });
        let s = local.rem_euclid(86_400);
        (date, (s / 3600) as u8, (s / 60 % 60) as u8, (s % 60) as u8)
    }

    /// The day at the place of writing: what IMAP SINCE, BEFORE and ON compare (RFC 9051 §6.4.4 disregards time and zone).
    pub fn local_day(self) -> i64 {
        self.unix.saturating_add(i64::from(self.offset) * 60).div_euclid(86_400)
    }

    /// As INTERNALDATE (RFC 9051 §9, `date-time`), without the quotes: ` 1-Feb-2026 09:30:00 +0100`.
    pub fn imap(self) -> impl fmt::Display {
        struct Imap(DateTime);
        impl fmt::Display for Imap {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (d, h, m, s) = self.0.civil();
                let (sign, off) = (if self.0.offset < 0 { '-' } else { '+' }, self.0.offset.unsigned_abs());
                write!(
                    f,
                    "{:2}-{}-{:04} {h:02}:{m:02}:{s:02} {sign}{:02}{:02}",
                    d.day,
                    d.month_name(),
                    d.year,
                    off / 60,
                    off % 60
                )
            }
        }
        Imap(self)
    }

    /// Reads an INTERNALDATE as servers write it (the first digit of the day may be a space).
    pub fn parse_imap(text: &[u8]) -> Result<DateTime, InvalidDate> {
        // A one-digit day without the padding space is common; it shifts the rest by one.
        let text = match text.get(1) {
            Some(b'-') => &[&b" "[..], text].concat()[..],
            _ => text,
        };
        let number = |range: std::ops::Range<usize>| -> Result<u16, InvalidDate> {
            text[range].iter().try_fold(0u16, |n, b| match b {
                b'0'..=b'9' => Ok(n * 10 + u16::from(b - b'0')),
                _ => Err(InvalidDate),
            })
        };
        let shape = [(2, b'-'), (6, b'-'), (11, b' '), (14, b':'), (17, b':'), (20, b' ')];
        if text.len() != 26 || shape.iter().any(|(i, b)| text[*i] != *b) {
            return Err(InvalidDate);
        }
        let day = if text[0] == b' ' { number(1..2)? } else { number(0..2)? };
        let month = CivilDate::month_from_name(&text[3..6]).ok_or(InvalidDate)?;
        let date = CivilDate::new(number(7..11)?, month, day as u8)?;
        let offset = (number(22..24)? * 60 + number(24..26)?) as i16;
        let offset = match text[21] {
            b'+' => offset,
            b'-' => -offset,
            _ => return Err(InvalidDate),
        };
        DateTime::from_civil(date, number(12..14)? as u8, number(15..17)? as u8, number(18..20)? as u8, offset)
    }
}

impl fmt::Display for DateTime {
    /// RFC 3339: `2026-02-01T09:30:00+01:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (d, h, m, s) = self.civil();
        write!(f, "{:04}-{:02}-{:02}T{h:02}:{m:02}:{s:02}", d.year, d.month, d.day)?;
        match self.offset {
            0 => f.write_str("Z"),
            o => {
                write!(f, "{}{:02}:{:02}", if o < 0 { '-' } else { '+' }, o.unsigned_abs() / 60, o.unsigned_abs() % 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn internaldate_keeps_its_zone() {
        for text in [" 1-Feb-2026 09:30:00 +0100", "31-Dec-1999 23:59:59 -0930", "29-Feb-2024 00:00:00 +0000"] {
            assert_eq!(DateTime::parse_imap(text.as_bytes()).unwrap().imap().to_string(), text);
        }
        assert_eq!(
            DateTime::parse_imap(b"1-Feb-2026 09:30:00 +0100"),
            DateTime::parse_imap(b" 1-Feb-2026 09:30:00 +0100")
        );
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in [
            "30-Feb-2026 00:00:00 +0000",
            " 1-Foo-2026 00:00:00 +0000",
            "",
            " 1-Feb-2026 24:00:00 +0000",
            " 1-Feb-2026 00:00:00 +9900",
        ] {
            assert_eq!(DateTime::parse_imap(text.as_bytes()), Err(InvalidDate), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_reads_back(unix in -62_135_596_800i64..253_402_200_000, offset in -1439i16..1440) {
            let d = DateTime { unix, offset };
            prop_assert_eq!(DateTime::parse_imap(d.imap().to_string().as_bytes()), Ok(d));
        }

        #[test]
        fn any_bytes_are_a_date_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = DateTime::parse_imap(&bytes);
        }
    }
}
