//! The extensions that `require` may name. What stands here works and has a test; ManageSieve announces it.

/// Names in the order they are announced.
pub(crate) const ALL: &[&str] = &[
    "fileinto",                   // RFC 5228
    "reject",                     // RFC 5429
    "ereject",                    // RFC 5429
    "envelope",                   // RFC 5228
    "encoded-character",          // RFC 5228
    "comparator-i;ascii-numeric", // RFC 4790
    "comparator-i;octet",         // RFC 4790
    "comparator-i;ascii-casemap", // RFC 4790
    "copy",                       // RFC 3894
    "body",                       // RFC 5173
    "relational",                 // RFC 5231
    "variables",                  // RFC 5229
    "subaddress",                 // RFC 5233
    "imap4flags",                 // RFC 5232
    "vacation",                   // RFC 5230
    "vacation-seconds",           // RFC 6131
    "editheader",                 // RFC 5293
    "date",                       // RFC 5260
    "index",                      // RFC 5260
    "duplicate",                  // RFC 7352
    "include",                    // RFC 6609
    "environment",                // RFC 5183
    "mailbox",                    // RFC 5490
    "special-use",                // RFC 8579
    "enotify",                    // RFC 5435, RFC 5436
];

/// Those that ManageSieve lists in SIEVE: comparators that every implementation has are left out (RFC 5228 §2.7.3).
pub(crate) fn announced() -> impl Iterator<Item = &'static str> {
    ALL.iter().copied().filter(|name| !matches!(*name, "comparator-i;octet" | "comparator-i;ascii-casemap"))
}
