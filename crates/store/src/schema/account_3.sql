-- Rules of delivery, what delivery remembers, and the order at a POP3 source.

ALTER TABLE message ADD COLUMN pop_order INTEGER;  -- place at a POP3 source; NULL: after all that have one, by UID

CREATE TABLE sieve_script (
    account_id INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    active     INTEGER NOT NULL,               -- 1: it is run at delivery; at most one
    size       INTEGER NOT NULL,               -- bytes of text
    modified   INTEGER NOT NULL,               -- seconds since 1970
    text       TEXT    NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT, WITHOUT ROWID;

-- What was done already and is not done again for a while: automatic replies, notices, duplicates.
CREATE TABLE remembered (
    account_id INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    key        BLOB    NOT NULL,
    until      INTEGER NOT NULL,               -- seconds since 1970; swept later
    PRIMARY KEY (account_id, kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX remembered_until ON remembered (account_id, until);
