//! The Date field (RFC 5322 §3.3 and its obsolete forms, §4.3), read leniently: real mail writes it in any order.

use sterna_core::{CivilDate, DateTime};

use super::params::skip_cfws;

/// Words read of one value: no date has more.
const MAX_WORDS: usize = 16;

/// The moment of a Date value, or none where no day, month, year and time can be made out.
///
/// Weekdays and comments are skipped, two-digit years completed and obsolete zones known; an unknown zone counts
/// as "-0000" (RFC 5322 §4.3), and so does a missing one.
pub fn parse_date(value: &[u8]) -> Option<DateTime> {
    let mut found = Found::default();
    let mut rest = skip_cfws(value);
    for _ in 0..MAX_WORDS {
        rest = skip_cfws(rest.trim_ascii_start());
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        rest = skip_cfws(rest);
        let end = rest.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b',' | b'(')).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        if word.is_empty() {
            break;
        }
        found.word(word)?;
        rest = tail;
    }
    found.date()
}

#[derive(Default)]
struct Found {
    day: Option<u8>,
    month: Option<u8>,
    year: Option<u16>,
    time: Option<(u8, u8, u8)>,
    zone: Option<i16>,
}

impl Found {
    /// Takes one word; none for a number that fits nowhere.
    fn word(&mut self, word: &[u8]) -> Option<()> {
        match word {
            [b'+' | b'-', digits @ ..] if self.time.is_some() => {
                self.zone = self.zone.or(numeric_zone(word[0], digits));
            }
            // ISO 8601, which some programs write: 2026-02-01T09:30:00+01:00.
            [b'0'..=b'9', _, _, _, b'-', _, _, b'-', _, _, tail @ ..] => {
                self.year = Some(number(&word[..4])?);
                self.month = Some(number(&word[5..7])? as u8);
                self.day = Some(number(&word[8..10])? as u8);
                if let [b'T', time @ ..] = tail {
                    self.clock(time)?;
                }
            }
            _ if word.contains(&b':') => self.clock(word)?,
            // 01-Feb-2026
            [b'0'..=b'9', ..] if word.contains(&b'-') => {
                for piece in word.split(|b| *b == b'-') {
                    self.word(piece)?;
                }
            }
            [b, ..] if b.is_ascii_digit() => {
                let n = number(word)?;
                if self.day.is_none() && word.len() <= 2 {
                    self.day = Some(n as u8);
                } else if self.year.is_none() {
                    // RFC 5322 §4.3: 00–49 are 2000–2049, 50–99 and all of three digits count from 1900.
                    self.year = Some(match (word.len(), n) {
                        (..=2, 0..=49) => 2000 + n,
                        (..=3, _) => 1900 + n,
                        _ => n,
                    });
                } else {
                    return None;
                }
            }
            _ => self.name(word),
        }
        Some(())
    }

    fn name(&mut self, word: &[u8]) {
        let month = word.get(..3).and_then(CivilDate::month_from_name);
        if let (None, Some(m)) = (self.month, month) {
            self.month = Some(m);
        } else if let Some((h, _, _)) = &mut self.time {
            match word.to_ascii_uppercase().as_slice() {
                b"PM" if *h < 12 => *h += 12,
                b"AM" if *h == 12 => *h = 0,
                name => self.zone = self.zone.or(named_zone(name)),
            }
        }
    }

    /// `09:30`, `9:30:00`, `09:30:00.25`, with a zone glued to it or not.
    fn clock(&mut self, word: &[u8]) -> Option<()> {
        let end = word.iter().position(|b| !matches!(b, b'0'..=b'9' | b':' | b'.')).unwrap_or(word.len());
        let (clock, zone) = word.split_at(end);
        let clock = clock.split(|b| *b == b'.').next().unwrap_or_default();
        let mut pieces = clock.split(|b| *b == b':');
        let mut next = || pieces.next().map(|p| number(p).and_then(|n| u8::try_from(n).ok()));
        let (h, m, s) = (next()??, next()??, next().unwrap_or(Some(0))?);
        self.time = self.time.or(Some((h, m, s)));
        match zone {
            [sign @ (b'+' | b'-'), digits @ ..] => self.zone = self.zone.or(numeric_zone(*sign, digits)),
            [] => {}
            name => self.zone = self.zone.or(named_zone(&name.to_ascii_uppercase())),
        }
        Some(())
    }

    fn date(&self) -> Option<DateTime> {
        let date = CivilDate::new(self.year?, self.month?, self.day?).ok()?;
        let (h, m, s) = self.time?;
        DateTime::from_civil(date, h, m, s, self.zone.unwrap_or(0)).ok()
    }
}

fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0u16, |n, b| b.is_ascii_digit().then(|| n * 10 + u16::from(b - b'0')))
}

/// `0200`, `02:00`; anything else says nothing, which is "-0000".
fn numeric_zone(sign: u8, digits: &[u8]) -> Option<i16> {
    let n = match digits {
        [h1, h2, b':', m1, m2] => number(&[*h1, *h2, *m1, *m2])?,
        [_, _, _, _] => number(digits)?,
        _ => return Some(0),
    } as i16;
    let minutes = n / 100 * 60 + n % 100;
    Some(match (minutes, sign) {
        (1440.., _) => 0,
        (m, b'-') => -m,
        (m, _) => m,
    })
}

/// The zones of RFC 5322 §4.3; all others, the military letters included, mean "-0000".
fn named_zone(name: &[u8]) -> Option<i16> {
    let hours = match name {
        b"EDT" => -4,
        b"EST" | b"CDT" => -5,
        b"CST" | b"MDT" => -6,
        b"MST" | b"PDT" => -7,
        b"PST" => -8,
        b"UT" | b"UTC" | b"GMT" | b"Z" => 0,
        // "GMT+0200" and the like keep their number for the next word; the rest says nothing.
        _ => return None,
    };
    // "GMT +0200" is common: a plain GMT must not hide the offset that follows.
    (hours != 0).then_some(hours * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn show(s: &str) -> Option<String> {
        parse_date(s.as_bytes()).map(|d| d.to_string())
    }

    #[test]
    fn dates_as_mail_writes_them() {
        for (text, want) in [
            ("Sun, 1 Feb 2026 09:30:00 +0100", "2026-02-01T09:30:00+01:00"),
            ("1 Feb 2026 09:30 +0100", "2026-02-01T09:30:00+01:00"),
            ("Sun,  1 Feb 26 09:30:00 EST (comment (nested))", "2026-02-01T09:30:00-05:00"),
            ("(x) Mon, 02 Jan 99 15:04:05 GMT", "1999-01-02T15:04:05Z"),
            ("Fri, 21 Nov 103 09:55:06 -0600", "2003-11-21T09:55:06-06:00"),
            ("Sun Feb  1 09:30:00 2026", "2026-02-01T09:30:00Z"),
            ("Sun Feb  1 09:30:00 PST 2026", "2026-02-01T09:30:00-08:00"),
            ("01-Feb-2026 09:30:00 +0530", "2026-02-01T09:30:00+05:30"),
            ("2026-02-01T09:30:00+01:00", "2026-02-01T09:30:00+01:00"),
            ("Sunday, 1 February 2026 9:30:00 PM GMT +0200", "2026-02-01T21:30:00+02:00"),
            ("Sun, 1 Feb 2026 09:30:00 X", "2026-02-01T09:30:00Z"),
            ("Sun, 1 Feb 2026 09:30:60 +9999", "2026-02-01T09:30:59Z"),
        ] {
            assert_eq!(show(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_date_is_none() {
        for text in [
            "",
            "yesterday",
            "31 Feb 2026 10:00:00 +0000",
            "1 Feb 2026",
            "1 Feb 2026 25:00:00 +0000",
            "99999999999999",
            "0-,",
        ] {
            assert_eq!(show(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_date_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse_date(&bytes);
        }

        #[test]
        fn near_dates_never_panic(text in "[0-9A-Za-z:,+() \\-]{0,40}") {
            let _ = parse_date(text.as_bytes());
        }
    }
}
