//! The patterns of LIST and LSUB: `*` matches anything, `%` anything but the hierarchy separator (RFC 9051 §6.3.9).
//!
//! A pattern is run as a set of places reached, never by backtracking: its cost is at most its length times the name's.

/// A pattern, ready to be matched against many names.
#[derive(Debug)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
    delimiter: char,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `*`
    Any,
    /// `%`
    Level,
}

impl Token {
    fn is_wildcard(self) -> bool {
        !matches!(self, Token::Char(_))
    }
}

impl Pattern {
    /// Reads a pattern; wildcards that stand side by side become the stronger one.
    pub(super) fn new(text: &str, delimiter: char) -> Pattern {
        let mut tokens: Vec<Token> = Vec::with_capacity(text.len());
        for c in text.chars() {
            let token = match c {
                '*' => Token::Any,
                '%' => Token::Level,
                c => Token::Char(c),
            };
            match tokens.last_mut().filter(|last| last.is_wildcard() && token.is_wildcard()) {
                Some(last) if token == Token::Any => *last = token,
                Some(_) => {}
                None => tokens.push(token),
            }
        }
        Pattern { tokens, delimiter }
    }

    /// Whether the whole name matches. INBOX as the first component matches in every case (RFC 9051 §5.1).
    pub(super) fn matches(&self, name: &str) -> bool {
        let inbox = name.strip_prefix("INBOX").is_some_and(|rest| rest.is_empty() || rest.starts_with(self.delimiter));
        let folded = if inbox { "INBOX".len() } else { 0 };
        // Places in the pattern that the name's beginning can have reached: ascending, each once.
        let mut places = vec![0];
        let mut next = Vec::new();
        for (i, c) in name.chars().enumerate() {
            for place in places.drain(..) {
                self.step(place, c, i < folded, &mut next);
            }
            if next.is_empty() {
                return false;
            }
            std::mem::swap(&mut places, &mut next);
        }
        let end = self.tokens.len();
        places.iter().any(|place| *place == end || (place + 1 == end && self.wildcard(*place)))
    }

    fn step(&self, place: usize, c: char, folded: bool, next: &mut Vec<usize>) {
        let mut reach = |place| {
            if next.last() != Some(&place) {
                next.push(place);
            }
        };
        let mut place = place;
        if let Some(token) = self.tokens.get(place).filter(|t| t.is_wildcard()) {
            if *token == Token::Any || c != self.delimiter {
                reach(place);
            }
            // A wildcard may also match nothing; what follows it is no wildcard.
            place += 1;
        }
        if let Some(Token::Char(wanted)) = self.tokens.get(place)
            && (*wanted == c || (folded && wanted.eq_ignore_ascii_case(&c)))
        {
            reach(place + 1);
        }
    }

    fn wildcard(&self, place: usize) -> bool {
        self.tokens.get(place).is_some_and(|t| t.is_wildcard())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern, '/').matches(name)
    }

    #[test]
    fn percent_stops_at_the_separator_and_star_does_not() {
        for (pattern, name, expected) in [
            ("*", "a/b", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("a/%", "a/b", true),
            ("a/%", "a/", true),
            ("a/%", "a/b/c", false),
            ("a*c", "a/b/c", true),
            ("%/%", "a/b", true),
            ("*%", "a/b", true),
            ("%*b", "a/b", true),
            ("%b*d", "aab/c/d", true),
            ("a", "ab", false),
            ("ab", "a", false),
            ("", "", true),
            ("", "a", false),
            ("É%", "Été", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn inbox_matches_in_every_case_and_other_names_do_not() {
        assert!(matches("inbox", "INBOX") && matches("InB%", "INBOX") && matches("inbox/a", "INBOX/a"));
        assert!(!matches("inbox/A", "INBOX/a") && !matches("inboxes", "INBOXES") && !matches("A", "a"));
    }

    #[test]
    fn a_pattern_of_many_wildcards_costs_no_more_than_its_length_times_the_name() {
        let (pattern, name) = ("*a".repeat(1000), "a".repeat(999));
        assert!(!matches(&pattern, &name));
        assert!(matches(&pattern, &format!("{name}a")));
    }

    /// The definition, word by word, at exponential cost.
    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) if naive(rest, name) => true,
            (Some(('%', rest)), _) if naive(rest, name) => true,
            (Some(('*', _)), Some((_, tail))) => naive(pattern, tail),
            (Some(('%', _)), Some((c, tail))) => *c != '/' && naive(pattern, tail),
            (Some((p, rest)), Some((c, tail))) => p == c && naive(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_definition(pattern in "[ab/*%]{0,9}", name in "[ab/]{0,9}") {
            let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(matches(&pattern, &name), naive(&p, &n));
        }
    }
}
