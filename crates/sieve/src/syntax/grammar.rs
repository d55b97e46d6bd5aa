//! The commands and tests of RFC 5228 and the extensions, with the arguments that each takes.

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    List,
    Number,
}

/// A tagged argument.
pub(super) struct TagSpec {
    pub name: &'static str,
    pub value: Option<Kind>,
    /// The extension it belongs to, if it is another than its command's.
    pub needs: Option<&'static str>,
    /// Of the tags of one group only one may stand; 0: they do not exclude each other.
    pub group: u8,
}

/// How many tests follow the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tests {
    None,
    One,
    List,
}

/// A command or a test.
pub(super) struct Spec {
    pub name: &'static str,
    pub needs: Option<&'static str>,
    pub tags: &'static [&'static [TagSpec]],
    pub positional: &'static [Kind],
    /// The positional argument that may be left out.
    pub optional: Option<usize>,
    pub tests: Tests,
    pub block: bool,
}

const fn tag(name: &'static str, value: Option<Kind>, needs: Option<&'static str>, group: u8) -> TagSpec {
    TagSpec { name, value, needs, group }
}

const fn flag(name: &'static str) -> TagSpec {
    tag(name, None, None, 0)
}

const MATCH: &[TagSpec] = &[
    tag("is", None, None, 1),
    tag("contains", None, None, 1),
    tag("matches", None, None, 1),
    tag("value", Some(Kind::Text), Some("relational"), 1),
    tag("count", Some(Kind::Text), Some("relational"), 1),
    tag("comparator", Some(Kind::Text), None, 0),
];
const ADDRESS_PART: &[TagSpec] = &[
    tag("all", None, None, 2),
    tag("localpart", None, None, 2),
    tag("domain", None, None, 2),
    tag("user", None, Some("subaddress"), 2),
    tag("detail", None, Some("subaddress"), 2),
];
const INDEX: &[TagSpec] = &[tag("index", Some(Kind::Number), Some("index"), 0), tag("last", None, Some("index"), 0)];
const FLAGS: &[TagSpec] = &[tag("flags", Some(Kind::List), Some("imap4flags"), 0)];
const COPY: &[TagSpec] = &[tag("copy", None, Some("copy"), 0)];
const MAILBOX: &[TagSpec] =
    &[tag("create", None, Some("mailbox"), 0), tag("specialuse", Some(Kind::Text), Some("special-use"), 0)];
const VACATION: &[TagSpec] = &[
    tag("days", Some(Kind::Number), None, 1),
    tag("seconds", Some(Kind::Number), Some("vacation-seconds"), 1),
    tag("subject", Some(Kind::Text), None, 0),
    tag("from", Some(Kind::Text), None, 0),
    tag("addresses", Some(Kind::List), None, 0),
    flag("mime"),
    tag("handle", Some(Kind::Text), None, 0),
];
const MODIFIERS: &[TagSpec] = &[
    tag("lower", None, None, 1),
    tag("upper", None, None, 1),
    tag("lowerfirst", None, None, 2),
    tag("upperfirst", None, None, 2),
    tag("quotewildcard", None, None, 3),
    tag("encodeurl", None, Some("enotify"), 4),
    tag("length", None, None, 5),
];
const NOTIFY: &[TagSpec] = &[
    tag("from", Some(Kind::Text), None, 0),
    tag("importance", Some(Kind::Text), None, 0),
    tag("options", Some(Kind::List), None, 0),
    tag("message", Some(Kind::Text), None, 0),
];
const INCLUDE: &[TagSpec] =
    &[tag("personal", None, None, 1), tag("global", None, None, 1), flag("once"), flag("optional")];
const DUPLICATE: &[TagSpec] = &[
    tag("handle", Some(Kind::Text), None, 0),
    tag("header", Some(Kind::Text), None, 1),
    tag("uniqueid", Some(Kind::Text), None, 1),
    tag("seconds", Some(Kind::Number), None, 0),
    flag("last"),
];
const BODY: &[TagSpec] =
    &[tag("raw", None, None, 2), tag("content", Some(Kind::List), None, 2), tag("text", None, None, 2)];
const DATE: &[TagSpec] = &[tag("zone", Some(Kind::Text), None, 2), tag("originalzone", None, None, 2)];
const ZONE: &[TagSpec] = &[tag("zone", Some(Kind::Text), None, 2)];
const SIZE: &[TagSpec] = &[tag("over", Some(Kind::Number), None, 1), tag("under", Some(Kind::Number), None, 1)];
const ADD_HEADER: &[TagSpec] = &[flag("last")];
const DELETE_HEADER: &[TagSpec] = &[tag("index", Some(Kind::Number), None, 0), flag("last")];

const NONE: Spec =
    Spec { name: "", needs: None, tags: &[], positional: &[], optional: None, tests: Tests::None, block: false };

const fn plain(name: &'static str) -> Spec {
    Spec { name, ..NONE }
}

const fn of(
    name: &'static str,
    needs: Option<&'static str>,
    tags: &'static [&'static [TagSpec]],
    positional: &'static [Kind],
) -> Spec {
    Spec { name, needs, tags, positional, ..NONE }
}

/// What stands where a command may stand.
pub(super) const COMMANDS: &[Spec] = &[
    of("require", None, &[], &[Kind::List]),
    Spec { tests: Tests::One, block: true, ..plain("if") },
    Spec { tests: Tests::One, block: true, ..plain("elsif") },
    Spec { block: true, ..plain("else") },
    plain("stop"),
    plain("discard"),
    of("keep", None, &[FLAGS], &[]),
    of("fileinto", Some("fileinto"), &[COPY, FLAGS, MAILBOX], &[Kind::Text]),
    of("redirect", None, &[COPY], &[Kind::Text]),
    of("reject", Some("reject"), &[], &[Kind::Text]),
    of("ereject", Some("ereject"), &[], &[Kind::Text]),
    Spec { optional: Some(0), ..of("setflag", Some("imap4flags"), &[], &[Kind::Text, Kind::List]) },
    Spec { optional: Some(0), ..of("addflag", Some("imap4flags"), &[], &[Kind::Text, Kind::List]) },
    Spec { optional: Some(0), ..of("removeflag", Some("imap4flags"), &[], &[Kind::Text, Kind::List]) },
    of("vacation", Some("vacation"), &[VACATION], &[Kind::Text]),
    of("set", Some("variables"), &[MODIFIERS], &[Kind::Text, Kind::Text]),
    of("addheader", Some("editheader"), &[ADD_HEADER], &[Kind::Text, Kind::Text]),
    Spec {
        optional: Some(1),
        ..of("deleteheader", Some("editheader"), &[DELETE_HEADER, MATCH], &[Kind::Text, Kind::List])
    },
    of("include", Some("include"), &[INCLUDE], &[Kind::Text]),
    of("return", Some("include"), &[], &[]),
    of("global", Some("include"), &[], &[Kind::List]),
    of("notify", Some("enotify"), &[NOTIFY], &[Kind::Text]),
];

/// What stands where a test may stand.
pub(super) const TESTS: &[Spec] = &[
    plain("true"),
    plain("false"),
    Spec { tests: Tests::One, ..plain("not") },
    Spec { tests: Tests::List, ..plain("allof") },
    Spec { tests: Tests::List, ..plain("anyof") },
    of("exists", None, &[], &[Kind::List]),
    of("size", None, &[SIZE], &[]),
    of("header", None, &[MATCH, INDEX], &[Kind::List, Kind::List]),
    of("address", None, &[MATCH, ADDRESS_PART, INDEX], &[Kind::List, Kind::List]),
    of("envelope", Some("envelope"), &[MATCH, ADDRESS_PART], &[Kind::List, Kind::List]),
    of("body", Some("body"), &[MATCH, BODY], &[Kind::List]),
    of("string", Some("variables"), &[MATCH], &[Kind::List, Kind::List]),
    Spec { optional: Some(0), ..of("hasflag", Some("imap4flags"), &[MATCH], &[Kind::List, Kind::List]) },
    of("date", Some("date"), &[MATCH, INDEX, DATE], &[Kind::Text, Kind::Text, Kind::List]),
    of("currentdate", Some("date"), &[MATCH, ZONE], &[Kind::Text, Kind::List]),
    of("duplicate", Some("duplicate"), &[DUPLICATE], &[]),
    of("environment", Some("environment"), &[MATCH], &[Kind::Text, Kind::List]),
    of("mailboxexists", Some("mailbox"), &[], &[Kind::List]),
    Spec { optional: Some(0), ..of("specialuse_exists", Some("special-use"), &[], &[Kind::Text, Kind::List]) },
    of("valid_notify_method", Some("enotify"), &[], &[Kind::List]),
    of("notify_method_capability", Some("enotify"), &[MATCH], &[Kind::Text, Kind::Text, Kind::List]),
];
