//! Lengths of time as people write them in `sterna.toml`: a whole number and its unit.

use std::time::Duration;

/// A year: whoever writes more has taken the unit for another.
const MAX: Duration = Duration::from_secs(366 * 86_400);

/// `500ms`, `5s`, `2m`, `24h` or `7d`; at most a year.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("\"{text}\" is no length of time; write a number and its unit, such as 500ms, 5s, 2m, 24h or 7d");
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 86_400 * 1000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(milliseconds).map(Duration::from_millis) {
        Some(duration) if duration <= MAX => Ok(duration),
        _ => Err(format!("\"{text}\" is more than a year")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        for (text, milliseconds) in
            [("500ms", 500), ("5s", 5000), ("2m", 120_000), ("24h", 86_400_000), ("7d", 604_800_000), (" 0 s ", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_told_the_right_form() {
        for text in ["", "5", "s", "-5s", "5 sec", "1.5h", "5S", "99999999999999999999s"] {
            assert!(parse_duration(text).unwrap_err().contains("such as 500ms"), "{text}");
        }
        for text in ["400d", "18446744073709551615d"] {
            assert!(parse_duration(text).unwrap_err().contains("more than a year"), "{text}");
        }
    }
}
