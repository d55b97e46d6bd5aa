//! Which language a browser's user reads (RFC 9110 §12.5.4).

use axum::http::{HeaderMap, header};

/// The languages of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// English, where nothing else is asked for.
    English,
    /// French.
    French,
}

/// Fields longer than this are cut: nobody reads so many languages.
const MAX: usize = 1024;

/// The language of the reader who sent these fields.
pub(crate) fn of(headers: &HeaderMap) -> Language {
    let field = headers.get(header::ACCEPT_LANGUAGE).and_then(|field| field.to_str().ok());
    field.map_or(Language::English, accepted)
}

/// The preferred language of an `Accept-Language` field.
fn accepted(field: &str) -> Language {
    let mut best = (Language::English, 0.0);
    for range in field.get(..MAX.min(field.len())).unwrap_or_default().split(',') {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let language = match tag.trim().split('-').next().map(str::to_ascii_lowercase).as_deref() {
            Some("fr") => Language::French,
            Some("en") => Language::English,
            _ => continue,
        };
        let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok());
        // The first of several with the same weight is the preferred one.
        if let Some(weight) = weight.filter(|weight| (0.0..=1.0).contains(weight) && *weight > best.1) {
            best = (language, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_weight_wins() {
        for (field, language) in [
            ("fr-FR,fr;q=0.9,en;q=0.8", Language::French),
            ("en-US,en;q=0.9,fr;q=0.8", Language::English),
            ("de, fr;q=0.5, en;q=0.4", Language::French),
            ("de", Language::English),
            ("", Language::English),
            ("fr;q=0", Language::English),
            ("fr;q=nan, en;q=2", Language::English),
        ] {
            assert_eq!(accepted(field), language, "{field}");
        }
    }
}
