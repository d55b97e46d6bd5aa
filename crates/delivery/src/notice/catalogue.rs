//! The texts of notices: one TOML file a language. A further language is a further file in `notices/` and a line here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Every language with its file.
const FILES: [(&str, &str); 2] =
    [("en", include_str!("../../notices/en.toml")), ("fr", include_str!("../../notices/fr.toml"))];

/// What a language says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Language {
    /// The name that stands in From.
    pub sender: String,
    /// The notices by name.
    #[serde(flatten)]
    notices: BTreeMap<String, Text>,
}

/// One notice, its blanks open.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    pub subject: String,
    pub text: String,
}

static LANGUAGES: LazyLock<BTreeMap<&str, Language>> = LazyLock::new(|| {
    // The files are part of the program; a test reads each of them.
    FILES.iter().map(|(tag, file)| (*tag, toml::from_str(file).unwrap_or_default())).collect()
});

/// The first language of `wanted` that there is (`fr-CA` finds `fr`), else English.
pub(super) fn language(wanted: &[&str]) -> Option<&'static Language> {
    let primary = |tag: &&str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let found = wanted.iter().map(primary).find_map(|tag| LANGUAGES.get(tag.as_str()));
    found.or_else(|| LANGUAGES.get("en"))
}

impl Language {
    /// The notice of that name.
    pub fn notice(&self, name: &str) -> Option<&Text> {
        self.notices.get(name)
    }
}

/// Fills the words in braces. What was filled in is not looked at again.
pub(super) fn fill(text: &str, words: &[(&str, String)]) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.split_once('{') {
        out.push_str(before);
        let word = behind.split_once('}').and_then(|(name, after)| {
            let (_, value) = words.iter().find(|(n, _)| *n == name)?;
            Some((value, after))
        });
        match word {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::super::Notice;
    use super::*;

    #[test]
    fn every_language_says_every_notice_and_nothing_else() {
        for (tag, file) in FILES {
            let language: Language = toml::from_str(file).unwrap_or_else(|e| panic!("{tag}: {e}"));
            assert!(!language.sender.is_empty(), "{tag}");
            let said: Vec<&str> = language.notices.keys().map(String::as_str).collect();
            let mut known: Vec<&str> = Notice::examples().iter().map(Notice::name).collect();
            known.sort_unstable();
            assert_eq!(said, known, "{tag}");
        }
    }

    #[test]
    fn a_notice_leaves_no_blank_open() {
        for (tag, _) in FILES {
            for notice in Notice::examples() {
                let words = notice.words("anne@example.org");
                let text = language(&[tag]).and_then(|l| l.notice(notice.name())).unwrap();
                let shown = fill(&text.subject, &words) + &fill(&text.text, &words);
                assert!(!shown.contains(['{', '}']), "{tag}: {shown}");
                assert!(shown.contains("anne@example.org"), "{tag}: {shown}");
            }
        }
    }

    #[test]
    fn a_region_finds_its_language_and_an_unknown_one_english() {
        let sender = |wanted: &[&str]| language(wanted).unwrap().sender.clone();
        assert_eq!(sender(&["fr-CA"]), sender(&["FR"]));
        assert_eq!(sender(&["xx", "fr_FR"]), sender(&["fr"]));
        assert_eq!(sender(&["xx"]), sender(&["en"]));
        assert_ne!(sender(&["fr"]), sender(&["en"]));
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let words = [("a", "{b}".to_owned()), ("b", "no".to_owned())];
        assert_eq!(fill("{a} {c} {", &words), "{b} {c} {");
    }
}
