//! Sizes as people write them: `5G`, `300 MB`, `1073741824`.

/// A size that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a size; write a number of bytes, or a number with K, M, G or T (5G)")]
pub struct InvalidSize(String);

const UNITS: [(char, u64); 4] = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30), ('T', 1 << 40)];

/// Reads a size in bytes. Units are binary (1K = 1024); `B`, `iB` and spaces are allowed behind the number.
pub fn parse_bytes(text: &str) -> Result<u64, InvalidSize> {
    let invalid = || InvalidSize(text.to_owned());
    let digits = text.trim().trim_end_matches(['B', 'b']).trim_end_matches('i').trim_end();
    let last = digits.chars().next_back().ok_or_else(invalid)?.to_ascii_uppercase();
    let (number, unit) = match UNITS.iter().find(|(c, _)| *c == last) {
        Some((_, unit)) => (digits[..digits.len() - 1].trim_end(), *unit),
        None => (digits, 1),
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(invalid)
}

/// Writes a size with one decimal in the largest binary unit that keeps it at 1 or more: `1.5 GiB`.
pub fn format_bytes(bytes: u64) -> String {
    match UNITS.iter().rev().find(|(_, unit)| bytes >= *unit) {
        Some((c, unit)) => format!("{:.1} {c}iB", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in [("5G", 5 << 30), ("300 MB", 300 << 20), ("10KiB", 10240), ("7", 7), ("0", 0)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1", "1.5G", "99999999999T", "five"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert_eq!(format_bytes(1536), "1.5 KiB");
    }
}
