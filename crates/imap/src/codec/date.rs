//! Dates in commands and responses: a thin layer that puts [`sterna_core`]'s dates into IMAP's quotes.

use sterna_core::{CivilDate, DateTime};

use super::lexer::{Cursor, Parsed};

/// `date = date-text / DQUOTE date-text DQUOTE`, `date-text = date-day "-" date-month "-" date-year`
pub fn date(cursor: &mut Cursor<'_>) -> Parsed<CivilDate> {
    let error = cursor.error("a date such as 1-Feb-2026");
    let quoted = cursor.take(b"\"");
    let text = cursor.take_while(|b| b.is_ascii_alphanumeric() || b == b'-');
    if quoted && !cursor.take(b"\"") {
        return Err(error);
    }
    let mut parts = text.split(|b| *b == b'-');
    let mut part = || parts.next().unwrap_or_default();
    let (day, month, year) = (part(), part(), part());
    let digits = |text: &[u8], most: usize| -> Option<u16> {
        let plain = !text.is_empty() && text.len() <= most && text.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(text).ok().filter(|_| plain)?.parse().ok()
    };
    let parsed = || {
        let day = u8::try_from(digits(day, 2)?).ok()?;
        CivilDate::new(digits(year, 4).filter(|_| year.len() == 4)?, CivilDate::month_from_name(month)?, day).ok()
    };
    parsed().filter(|_| parts.next().is_none()).ok_or(error)
}

/// `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE`
pub fn date_time(cursor: &mut Cursor<'_>) -> Parsed<DateTime> {
    let error = cursor.error("a date-time such as \" 1-Feb-2026 09:30:00 +0100\"");
    let text = cursor.quoted()?;
    DateTime::parse_imap(&text).map_err(|_| error)
}

/// Appends a `date-time` with its quotes, as INTERNALDATE and SAVEDATE show it.
pub fn write_date_time(out: &mut Vec<u8>, moment: DateTime) {
    let (date, hour, minute, second) = moment.civil();
    let two = |out: &mut Vec<u8>, n: u16, pad: u8| {
        out.push(if n < 10 { pad } else { b'0' + (n / 10 % 10) as u8 });
        out.push(b'0' + (n % 10) as u8);
    };
    out.push(b'"');
    two(out, u16::from(date.day), b' ');
    out.push(b'-');
    out.extend_from_slice(date.month_name().as_bytes());
    out.push(b'-');
    two(out, date.year / 100, b'0');
    two(out, date.year % 100, b'0');
    for (separator, n) in [(b' ', hour), (b':', minute), (b':', second)] {
        out.push(separator);
        two(out, u16::from(n), b'0');
    }
    let offset = moment.offset.unsigned_abs();
    out.extend_from_slice(if moment.offset < 0 { b" -" } else { b" +" });
    two(out, offset / 60, b'0');
    two(out, offset % 60, b'0');
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn search_dates_with_and_without_quotes() {
        let expected = CivilDate::new(2026, 2, 1);
        for text in ["1-Feb-2026", "01-feb-2026", "\"1-FEB-2026\""] {
            assert_eq!(date(&mut Cursor::new(text.as_bytes())).ok(), expected.ok(), "{text}");
        }
        for bad in ["", "1-Feb-26", "30-Feb-2026", "\"1-Feb-2026", "1-Feb-2026-1", "-1-Feb-2026", "1-2-2026"] {
            assert!(date(&mut Cursor::new(bad.as_bytes())).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn date_times_read_back(unix in -62_135_596_800i64..253_402_200_000, offset in -1439i16..1440) {
            let moment = DateTime { unix, offset };
            let mut out = Vec::new();
            write_date_time(&mut out, moment);
            prop_assert_eq!(String::from_utf8_lossy(&out), format!("\"{}\"", moment.imap()));
            prop_assert_eq!(date_time(&mut Cursor::new(&out)), Ok(moment));
        }
    }
}
