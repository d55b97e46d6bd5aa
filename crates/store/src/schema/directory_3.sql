-- Mail in and out: addresses, the queue with its bodies, limits, keys.

ALTER TABLE domain ADD COLUMN catch_all TEXT;               -- core::Address; NULL: unknown addresses are refused
ALTER TABLE domain ADD COLUMN route TEXT;                   -- URL of the platform its mail goes to; NULL: here
ALTER TABLE domain ADD COLUMN hourly_limit INTEGER;         -- messages submitted by all its accounts; NULL: no limit

ALTER TABLE account ADD COLUMN forwards TEXT NOT NULL DEFAULT '';   -- addresses, one a line
ALTER TABLE account ADD COLUMN keep_copy INTEGER NOT NULL DEFAULT 1;-- 0: forwarded mail is not kept
ALTER TABLE account ADD COLUMN route TEXT;                  -- URL of the platform that has the mailbox; NULL: here
ALTER TABLE account ADD COLUMN language TEXT;               -- of notices; NULL: the configuration's
ALTER TABLE account ADD COLUMN hourly_limit INTEGER;        -- messages submitted; NULL: the configuration's
ALTER TABLE account ADD COLUMN lock_reason TEXT;            -- why it may not send; NULL: it may
ALTER TABLE account ADD COLUMN lock_since INTEGER;          -- seconds since 1970; NULL with lock_reason

CREATE TABLE alias (
    address TEXT PRIMARY KEY,                  -- core::Address; its domain is a row of domain; no account has it
    created INTEGER NOT NULL                   -- seconds since 1970
) STRICT, WITHOUT ROWID;

-- Where the mail of an alias goes; every alias has at least one.
CREATE TABLE alias_target (
    address TEXT NOT NULL,                     -- a row of alias
    target  TEXT NOT NULL,                     -- core::Address, local or remote
    PRIMARY KEY (address, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_target_target ON alias_target (target, address);

-- Bodies of queued messages, as those of accounts (account_1.sql and account_2.sql); account_id is 0.
CREATE TABLE blob (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    hash       BLOB    NOT NULL,
    size       INTEGER NOT NULL,
    stored     INTEGER NOT NULL,
    object     TEXT,
    UNIQUE (account_id, hash)
) STRICT;

CREATE TABLE blob_chunk (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    data       BLOB    NOT NULL
) STRICT;

CREATE TABLE blob_upload (
    account_id INTEGER NOT NULL,
    object     TEXT    NOT NULL,
    started    INTEGER NOT NULL,
    PRIMARY KEY (account_id, object)
) STRICT, WITHOUT ROWID;

CREATE TABLE blob_garbage (
    account_id INTEGER NOT NULL,
    object     TEXT    NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (account_id, object)
) STRICT, WITHOUT ROWID;

-- A message that waits for some of its recipients.
CREATE TABLE queue_message (
    id         INTEGER PRIMARY KEY,            -- from the directory's next_id: never reused, ascending
    sender     TEXT    NOT NULL,               -- reverse-path; empty: <>
    options    TEXT    NOT NULL,               -- JSON, sterna_delivery's
    submitter  INTEGER,                        -- the account that sent it; it may be gone
    blob_id    INTEGER NOT NULL,               -- a row of blob; messages of equal bytes share it
    size       INTEGER NOT NULL,               -- bytes of that body
    queued_ms  INTEGER NOT NULL,               -- milliseconds since 1970 by the database's clock
    expires_ms INTEGER NOT NULL,               -- when to give up
    held       INTEGER NOT NULL,               -- 1: not tried until it is released
    recipients INTEGER NOT NULL                -- = rows of queue_recipient, at least 1
) STRICT;
CREATE INDEX queue_message_blob ON queue_message (blob_id);
CREATE INDEX queue_message_sender ON queue_message (sender, id);
CREATE INDEX queue_message_held ON queue_message (id) WHERE held = 1;

-- Up to 100 recipients of one message at one destination: what is claimed and tried together.
CREATE TABLE queue_batch (
    message_id  INTEGER NOT NULL,              -- a row of queue_message
    number      INTEGER NOT NULL,              -- in the message
    destination TEXT    NOT NULL,              -- a row of queue_destination
    next_ms     INTEGER NOT NULL,              -- when it may be claimed: the earliest due_ms; of one that is held by a
                                               -- node the end of its lease; 2⁶³−1 if the message is held
    recipients  INTEGER NOT NULL,              -- = its rows of queue_recipient, at least 1
    token       INTEGER NOT NULL,              -- the directory's modseq when it was claimed; 0: never
    holder      TEXT,                          -- the node that has it, for a person to read; NULL: nobody
    PRIMARY KEY (message_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_batch_next ON queue_batch (destination, next_ms, message_id, number);
CREATE INDEX queue_batch_message ON queue_batch (destination, message_id);
CREATE INDEX queue_batch_holder ON queue_batch (holder) WHERE holder IS NOT NULL;

CREATE TABLE queue_recipient (
    message_id INTEGER NOT NULL,
    batch      INTEGER NOT NULL,               -- a row of queue_batch
    id         INTEGER NOT NULL,               -- in the message
    address    TEXT    NOT NULL,               -- as it was given
    options    TEXT    NOT NULL,               -- JSON, sterna_delivery's
    attempts   INTEGER NOT NULL,               -- that failed for the moment
    due_ms     INTEGER NOT NULL,               -- when to try next
    last_error TEXT,                           -- of the last attempt
    delay_told INTEGER NOT NULL,               -- 1: the sender was told that it is late
    PRIMARY KEY (message_id, batch, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_recipient_address ON queue_recipient (address, message_id);

-- The destinations of all batches: who looks for work passes over a busy one without seeing its batches.
CREATE TABLE queue_destination (
    name       TEXT    PRIMARY KEY,
    next_ms    INTEGER NOT NULL,               -- = the least next_ms of its batches
    recipients INTEGER NOT NULL                -- = the sum of theirs, at least 1
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_destination_next ON queue_destination (next_ms, name);

-- One row.
CREATE TABLE queue_total (
    id         INTEGER PRIMARY KEY,            -- 1
    messages   INTEGER NOT NULL,               -- = rows of queue_message
    recipients INTEGER NOT NULL,               -- = rows of queue_recipient
    held       INTEGER NOT NULL                -- = messages that are held
) STRICT;
INSERT INTO queue_total VALUES (1, 0, 0, 0);

-- What an account submitted, in buckets of five minutes; those older than the window are swept.
CREATE TABLE submission (
    account_id INTEGER NOT NULL,
    bucket     INTEGER NOT NULL,               -- seconds since 1970 divided by 300
    messages   INTEGER NOT NULL,               -- that were accepted
    refused    INTEGER NOT NULL,               -- that were over the limit
    failed     INTEGER NOT NULL,               -- recipients that could not be delivered to
    PRIMARY KEY (account_id, bucket)
) STRICT, WITHOUT ROWID;

-- The same for all accounts of a domain.
CREATE TABLE submission_domain (
    domain   TEXT    NOT NULL,
    bucket   INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (domain, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE dkim_key (
    domain    TEXT    NOT NULL,                -- a row of domain
    selector  TEXT    NOT NULL,
    algorithm TEXT    NOT NULL,                -- ed25519 | rsa2048
    secret    BLOB    NOT NULL,                -- PKCS #8, sealed with the store's key
    public    BLOB    NOT NULL,                -- what its DNS record tells
    state     TEXT    NOT NULL,                -- pending | active | retired
    created   INTEGER NOT NULL,                -- seconds since 1970
    changed   INTEGER NOT NULL,
    PRIMARY KEY (domain, selector)
) STRICT, WITHOUT ROWID;

-- Facts about the whole store.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
