-- One account. Every table leads with account_id, so that the same tables can live beside others' in one database.
-- SQLite's integer primary keys stand in for (account_id, id): the file holds one account.

CREATE TABLE account_state (
    account_id    INTEGER PRIMARY KEY,
    modseq        INTEGER NOT NULL,            -- the clock: ≥ every modseq in this account, ever
    next_id       INTEGER NOT NULL,            -- > every id of mailbox, email, thread, keyset, blob
    last_validity INTEGER NOT NULL,            -- ≥ every UIDVALIDITY this account ever gave out by itself
    used_bytes    INTEGER NOT NULL,            -- = sum of mailbox.bytes
    quota_bytes   INTEGER,                     -- NULL: no limit
    delimiter     TEXT    NOT NULL DEFAULT '/',-- hierarchy separator that clients see; taken over from the source by a move
    prefix        TEXT    NOT NULL DEFAULT ''  -- personal namespace that clients see ('INBOX.' on some sources)
) STRICT;

CREATE TABLE mailbox (
    id             INTEGER PRIMARY KEY,
    account_id     INTEGER NOT NULL,
    parent_id      INTEGER NOT NULL,           -- 0: top level; otherwise a mailbox of this account
    name           TEXT    NOT NULL,           -- one component, any text; unique beside its siblings
    raw_name       BLOB,                       -- the component as a source's wire had it, where modified UTF-7 does not give it back
    role           TEXT,                       -- core::Role; each at most once
    uid_validity   INTEGER NOT NULL,           -- 1 … 2³²−1
    uid_next       INTEGER NOT NULL,           -- > every UID ever given here; 2³² when used up
    highest_modseq INTEGER NOT NULL,           -- ≥ modseq of every message and tombstone here; never falls
    expunge_floor  INTEGER NOT NULL,           -- tombstones are complete for changes after this modseq
    import_modseq  INTEGER NOT NULL,           -- clock at the last import that wrote foreign modseqs here
    created_modseq INTEGER NOT NULL,
    modseq         INTEGER NOT NULL,           -- last change of this row's name, parent, role, subscription
    subscribed     INTEGER NOT NULL,
    selectable     INTEGER NOT NULL,           -- 0: exists only as a parent (\NoSelect), holds no message
    total          INTEGER NOT NULL,           -- = messages here
    unseen         INTEGER NOT NULL,           -- = those without \Seen
    deleted        INTEGER NOT NULL,           -- = those with \Deleted
    bytes          INTEGER NOT NULL,           -- = sum of their sizes
    UNIQUE (account_id, parent_id, name)
) STRICT;

-- Names that a client subscribed to and that no mailbox has (RFC 9051 §6.3.9: the server must not forget them).
CREATE TABLE subscription (
    account_id INTEGER NOT NULL,
    path       TEXT    NOT NULL,               -- whole path with the account's delimiter
    PRIMARY KEY (account_id, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE email (
    id              INTEGER PRIMARY KEY,
    account_id      INTEGER NOT NULL,
    blob_id         INTEGER NOT NULL,          -- the original bytes
    thread_id       INTEGER NOT NULL,
    size            INTEGER NOT NULL,          -- RFC822.SIZE = bytes of the blob
    received        INTEGER NOT NULL,          -- INTERNALDATE, seconds since 1970 …
    received_offset INTEGER NOT NULL,          -- … and the minutes east of UTC it was given with
    sent            INTEGER,                   -- Date header, seconds since 1970
    sent_offset     INTEGER,
    created_modseq  INTEGER NOT NULL,
    structure       BLOB    NOT NULL           -- sterna_message::Structure
) STRICT;
CREATE INDEX email_blob ON email (account_id, blob_id);

CREATE TABLE message (
    account_id     INTEGER NOT NULL,
    mailbox_id     INTEGER NOT NULL,
    uid            INTEGER NOT NULL,           -- < mailbox.uid_next
    email_id       INTEGER NOT NULL,           -- a row of email
    flags          INTEGER NOT NULL,           -- keyset.id × 256 + system bits
    modseq         INTEGER NOT NULL,           -- ≤ mailbox.highest_modseq
    created_modseq INTEGER NOT NULL,           -- ≤ the account's clock; = the transaction that put it here
    saved_at       INTEGER NOT NULL,           -- SAVEDATE (RFC 8514), seconds since 1970
    uidl           TEXT,                       -- POP3 unique id of a source, if it is not the one made from the UID
    PRIMARY KEY (account_id, mailbox_id, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_modseq ON message (account_id, mailbox_id, modseq);
CREATE INDEX message_email ON message (account_id, email_id);

CREATE TABLE keyset (
    id         INTEGER PRIMARY KEY,            -- 0 is the empty set and has no row
    account_id INTEGER NOT NULL,
    names      TEXT    NOT NULL,               -- keywords in the order of their lower-case form, one space between
    UNIQUE (account_id, names)
) STRICT;

-- What is gone, for VANISHED, JMAP destroyed and DAV sync. kind: 1 message (id = UID), 2 mailbox, 3 email.
CREATE TABLE tombstone (
    account_id INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,               -- 0 but for kind 1
    modseq     INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    PRIMARY KEY (account_id, kind, mailbox_id, modseq, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE thread_key (
    account_id INTEGER NOT NULL,
    key        INTEGER NOT NULL,               -- hash of a Message-ID that a message bears or refers to
    thread_id  INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    hash       BLOB    NOT NULL,               -- BLAKE3 of the original bytes; unique
    size       INTEGER NOT NULL,               -- original bytes
    stored     INTEGER NOT NULL,               -- compressed bytes
    in_file    INTEGER NOT NULL,               -- 0: rows of blob_chunk; 1: a file named by the hash
    UNIQUE (account_id, hash)
) STRICT;

CREATE TABLE blob_chunk (
    id         INTEGER PRIMARY KEY,            -- blob_id × 2²⁰ + number of the chunk
    account_id INTEGER NOT NULL,
    data       BLOB    NOT NULL                -- one zstd frame of at most blob::CHUNK original bytes
) STRICT;

-- Files whose blob row is gone: removed after the commit that put them here.
CREATE TABLE blob_garbage (
    account_id INTEGER NOT NULL,
    hash       BLOB    NOT NULL,
    PRIMARY KEY (account_id, hash)
) STRICT, WITHOUT ROWID;

-- Where a move stands in each folder; written in the transaction of the messages it speaks of.
CREATE TABLE move_folder (
    account_id INTEGER NOT NULL,
    source     BLOB    NOT NULL,               -- the folder's name on the source's wire
    mailbox_id INTEGER NOT NULL,               -- 0: not created yet
    cursor     TEXT    NOT NULL,               -- JSON, sterna_migrate's
    PRIMARY KEY (account_id, source)
) STRICT, WITHOUT ROWID;

-- What a move could not carry over, with the reason; the raw bytes, if any, are kept as a blob.
CREATE TABLE move_exception (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    source     BLOB    NOT NULL,               -- folder on the source's wire; empty: the whole account
    uid        INTEGER,                        -- source UID, if it is about one message
    reason     TEXT    NOT NULL,
    at         INTEGER NOT NULL                -- seconds since 1970
) STRICT;
