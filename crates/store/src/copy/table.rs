//! The tables of an account: the one list that says what is copied and compared, for both engines.
//!
//! A test compares it with both schemas, so that a new column or table cannot be forgotten.

use super::cell::Kind;

/// One table. `account_id`, which leads every table, is not in the list of its columns.
pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
    /// Of the primary key, how many of the first columns; 0: one row for each account.
    pub key: usize,
    /// How many of the last columns are each store's own affair and not compared. Whether a body is rows or an object, and
    /// how well it compresses, is such: its hash is compared, and the checker reads the body and hashes it.
    pub own: usize,
    /// Rows read or written at once.
    pub page: usize,
}

const INT: Kind = Kind::Int;
const TEXT: Kind = Kind::Text;
const BLOB: Kind = Kind::Blob;

/// Rows at once where rows are small.
const MANY: usize = 1000;

/// Clock and limits of the account. The copy begins with it: it tells a later run what was being copied.
pub(super) static STATE: Table = Table {
    name: "account_state",
    columns: &[
        ("modseq", INT),
        ("next_id", INT),
        ("last_validity", INT),
        ("used_bytes", INT),
        ("quota_bytes", INT),
        ("delimiter", TEXT),
        ("prefix", TEXT),
        ("utf8_accept", INT),
    ],
    key: 0,
    own: 0,
    page: 1,
};

/// Small bodies. They come before what names them: a large body may turn out to be a small one where it is written anew,
/// and its rows must not be taken for the place that the copy has reached.
pub(super) static CHUNKS: Table =
    Table { name: "blob_chunk", columns: &[("id", INT), ("data", BLOB)], key: 1, own: 2, page: 32 };

/// What names bodies. Large ones are objects, which go along.
pub(super) static BLOBS: Table = Table {
    name: "blob",
    columns: &[("id", INT), ("hash", BLOB), ("size", INT), ("stored", INT), ("object", TEXT)],
    key: 1,
    own: 2,
    page: 256,
};

/// Everything else: what a foreign key points to comes before what points to it.
pub(super) static TABLES: &[&Table] = &[
    &Table {
        name: "mailbox",
        columns: &[
            ("id", INT),
            ("parent_id", INT),
            ("name", TEXT),
            ("raw_name", BLOB),
            ("role", TEXT),
            ("uid_validity", INT),
            ("uid_next", INT),
            ("highest_modseq", INT),
            ("expunge_floor", INT),
            ("import_modseq", INT),
            ("created_modseq", INT),
            ("modseq", INT),
            ("subscribed", INT),
            ("selectable", INT),
            ("total", INT),
            ("unseen", INT),
            ("deleted", INT),
            ("bytes", INT),
        ],
        key: 1,
        own: 0,
        page: MANY,
    },
    &Table { name: "subscription", columns: &[("path", TEXT)], key: 1, own: 0, page: MANY },
    &Table {
        name: "sieve_script",
        columns: &[("name", TEXT), ("active", INT), ("size", INT), ("modified", INT), ("text", TEXT)],
        key: 1,
        own: 0,
        page: 32,
    },
    &Table {
        name: "remembered",
        columns: &[("kind", TEXT), ("key", BLOB), ("until", INT)],
        key: 2,
        own: 0,
        page: MANY,
    },
    &Table { name: "keyset", columns: &[("id", INT), ("names", TEXT)], key: 1, own: 0, page: MANY },
    &CHUNKS,
    &BLOBS,
    &Table {
        name: "email",
        columns: &[
            ("id", INT),
            ("blob_id", INT),
            ("thread_id", INT),
            ("size", INT),
            ("received", INT),
            ("received_offset", INT),
            ("sent", INT),
            ("sent_offset", INT),
            ("created_modseq", INT),
            ("structure", BLOB),
        ],
        key: 1,
        own: 0,
        page: 256,
    },
    &Table {
        name: "message",
        columns: &[
            ("mailbox_id", INT),
            ("uid", INT),
            ("email_id", INT),
            ("flags", INT),
            ("modseq", INT),
            ("created_modseq", INT),
            ("saved_at", INT),
            ("uidl", TEXT),
            ("pop_order", INT),
        ],
        key: 2,
        own: 0,
        page: MANY,
    },
    &Table { name: "thread_key", columns: &[("key", INT), ("thread_id", INT)], key: 1, own: 0, page: MANY },
    &Table {
        name: "tombstone",
        columns: &[("kind", INT), ("mailbox_id", INT), ("modseq", INT), ("id", INT), ("email_id", INT)],
        key: 4,
        own: 0,
        page: MANY,
    },
    &Table {
        name: "move_folder",
        columns: &[("source", BLOB), ("mailbox_id", INT), ("cursor", TEXT)],
        key: 1,
        own: 0,
        page: 32,
    },
    &Table {
        name: "move_back_folder",
        columns: &[("mailbox_id", INT), ("source", BLOB), ("state", TEXT)],
        key: 1,
        own: 0,
        page: 32,
    },
    &Table {
        name: "move_back",
        columns: &[("mailbox_id", INT), ("uid", INT), ("source_uid", INT)],
        key: 2,
        own: 0,
        page: MANY,
    },
    &Table {
        name: "move_exception",
        columns: &[("id", INT), ("source", BLOB), ("uid", INT), ("reason", TEXT), ("at", INT)],
        key: 1,
        own: 0,
        page: MANY,
    },
];

impl Table {
    /// Rows in the order of the key; behind a key whose columns are `?2` and following.
    pub fn select(&self, behind: bool) -> String {
        let columns = names(self.columns);
        let limit = self.page;
        let Table { name, .. } = self;
        let condition = if behind {
            format!("AND ({}) > ({}) ", self.key_names(""), parameters(2, self.key))
        } else {
            String::new()
        };
        let order = if self.key == 0 { String::new() } else { format!("ORDER BY {} ", self.key_names("")) };
        format!("SELECT {columns} FROM {name} WHERE account_id = ?1 {condition}{order}LIMIT {limit}")
    }

    /// The key of the last row.
    pub fn select_last_key(&self) -> String {
        let (keys, order) = (self.key_names(""), self.key_names(" DESC"));
        format!("SELECT {keys} FROM {} WHERE account_id = ?1 ORDER BY {order} LIMIT 1", self.name)
    }

    /// One row: `?1` is the account, the columns follow.
    pub fn insert(&self) -> String {
        let (columns, values) = (names(self.columns), parameters(2, self.columns.len()));
        format!("INSERT INTO {} (account_id, {columns}) VALUES (?1, {values})", self.name)
    }

    /// The columns that are the same in both stores.
    pub fn compared(&self) -> usize {
        self.columns.len() - self.own
    }

    /// The keys of the first rows.
    pub fn select_keys(&self, limit: usize) -> String {
        let keys = self.key_names("");
        format!("SELECT {keys} FROM {} WHERE account_id = ?1 ORDER BY {keys} LIMIT {limit}", self.name)
    }

    /// The rows up to a key, it included.
    pub fn delete_up_to(&self) -> String {
        let (keys, values) = (self.key_names(""), parameters(2, self.key));
        format!("DELETE FROM {} WHERE account_id = ?1 AND ({keys}) <= ({values})", self.name)
    }

    fn key_names(&self, suffix: &str) -> String {
        let keys: Vec<String> = self.columns.iter().take(self.key).map(|(name, _)| format!("{name}{suffix}")).collect();
        keys.join(", ")
    }
}

fn names(columns: &[(&str, Kind)]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// `?first, …`
fn parameters(first: usize, n: usize) -> String {
    (first..first + n).map(|i| format!("?{i}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::schema;

    /// Columns without `account_id`, in any order, and the primary key without it, in its order.
    type Shape = (BTreeSet<(String, &'static str)>, Vec<String>);

    /// Tables that are not copied: their objects lie in the store that they are copied from.
    const LEFT_OUT: [&str; 2] = ["blob_upload", "blob_garbage"];

    fn listed() -> BTreeMap<String, Shape> {
        let shape = |table: &Table| {
            let kind = |kind: &Kind| match kind {
                Kind::Int => "INT",
                Kind::Text => "TEXT",
                Kind::Blob => "BLOB",
            };
            let columns = table.columns.iter().map(|(name, k)| ((*name).to_owned(), kind(k))).collect();
            let key = table.columns.iter().take(table.key).map(|(name, _)| (*name).to_owned()).collect();
            (table.name.to_owned(), (columns, key))
        };
        TABLES.iter().copied().chain([&STATE]).map(shape).collect()
    }

    #[test]
    fn the_list_is_the_embedded_schema() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        schema::ACCOUNT.steps.iter().for_each(|step| conn.execute_batch(step).unwrap());
        let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
        let tables: Vec<String> = tables.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        let mut found = BTreeMap::new();
        for table in tables.into_iter().filter(|t| !LEFT_OUT.contains(&t.as_str())) {
            let mut info = conn.prepare("SELECT name, type, pk FROM pragma_table_info(?1)").unwrap();
            let rows = info.query_map([&table], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
            let mut rows: Vec<(String, String, i64)> =
                rows.map(Result::unwrap).filter(|(n, ..)| n != "account_id").collect();
            let kind = |t: &str| ["INT", "TEXT", "BLOB"].into_iter().find(|k| t.starts_with(k)).unwrap();
            let columns = rows.iter().map(|(name, t, _)| (name.clone(), kind(t))).collect();
            rows.retain(|(.., pk)| *pk > 0);
            rows.sort_by_key(|(.., pk)| *pk);
            found.insert(table, (columns, rows.into_iter().map(|(name, ..)| name).collect()));
        }
        assert_eq!(found, listed());
    }

    #[test]
    fn the_list_is_the_postgresql_schema() {
        let directory = [
            "domain",
            "account",
            "move",
            "job",
            "setting",
            "schema_version",
            "dkim_key",
            "platform",
            "hold",
            "node",
            "presence",
        ];
        let prefixes = ["queue_", "alias", "submission"];
        let text = schema::POSTGRES.concat();
        let mut found: BTreeMap<String, Shape> = BTreeMap::new();
        for table in text.split("CREATE TABLE ").skip(1) {
            let (name, rest) = table.split_once(" (\n").unwrap();
            if directory.contains(&name)
                || LEFT_OUT.contains(&name)
                || prefixes.iter().any(|prefix| name.starts_with(prefix))
            {
                continue;
            }
            let (body, _) = rest.split_once("\n)").unwrap();
            let (mut columns, mut key) = (BTreeSet::new(), Vec::new());
            for line in body.lines().map(|line| line.trim().trim_end_matches(',')) {
                if let Some(names) = line.strip_prefix("PRIMARY KEY (") {
                    key = names.trim_end_matches(')').split(", ").map(str::to_owned).collect();
                }
                let mut words = line.split_whitespace();
                let (name, kind) = (words.next().unwrap(), words.next().unwrap());
                let kind =
                    [("BIGINT", "INT"), ("TEXT", "TEXT"), ("BYTEA", "BLOB")].into_iter().find(|(t, _)| *t == kind);
                if let Some((_, kind)) = kind.filter(|_| name != "account_id") {
                    columns.insert((name.to_owned(), kind));
                }
            }
            key.retain(|name| name != "account_id");
            found.insert(name.to_owned(), (columns, key));
        }
        // Columns that a later step added.
        for altered in text.split("ALTER TABLE ").skip(1).filter_map(|s| s.split_once(';')).map(|(s, _)| s) {
            let (name, added) = altered.split_once(char::is_whitespace).unwrap();
            for column in added.split("ADD COLUMN ").skip(1) {
                let mut words = column.split([' ', ',', '\n']);
                let (column, kind) = (words.next().unwrap(), words.next().unwrap());
                let kind =
                    [("BIGINT", "INT"), ("TEXT", "TEXT"), ("BYTEA", "BLOB")].into_iter().find(|(t, _)| *t == kind);
                if let Some((columns, _)) = found.get_mut(name) {
                    columns.insert((column.to_owned(), kind.unwrap().1));
                }
            }
        }
        assert_eq!(found, listed());
    }

    #[test]
    fn statements_name_the_account_first() {
        let table = TABLES.iter().find(|t| t.name == "message").unwrap();
        assert_eq!(
            table.select(true),
            "SELECT mailbox_id, uid, email_id, flags, modseq, created_modseq, saved_at, uidl, pop_order FROM message \
             WHERE account_id = ?1 AND (mailbox_id, uid) > (?2, ?3) ORDER BY mailbox_id, uid LIMIT 1000"
        );
        assert_eq!(table.delete_up_to(), "DELETE FROM message WHERE account_id = ?1 AND (mailbox_id, uid) <= (?2, ?3)");
        assert_eq!(
            table.select_last_key(),
            "SELECT mailbox_id, uid FROM message WHERE account_id = ?1 ORDER BY mailbox_id DESC, uid DESC LIMIT 1"
        );
        assert!(STATE.select(false).ends_with("FROM account_state WHERE account_id = ?1 LIMIT 1"));
    }
}
