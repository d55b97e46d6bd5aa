-- What concerns several accounts. The directory uses the same transaction type as an account, as account 0.

CREATE TABLE account_state (
    account_id INTEGER PRIMARY KEY,            -- 0
    modseq     INTEGER NOT NULL,
    next_id    INTEGER NOT NULL                -- > every account id ever given
) STRICT;
INSERT INTO account_state VALUES (0, 0, 1);

CREATE TABLE domain (
    name    TEXT PRIMARY KEY,                  -- lower case
    created INTEGER NOT NULL                   -- seconds since 1970
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    id          INTEGER PRIMARY KEY,
    address     TEXT    NOT NULL UNIQUE,       -- core::Address; its domain is a row of domain
    status      TEXT    NOT NULL,              -- active | suspended
    quota_bytes INTEGER,                       -- NULL: no limit; copied into the account
    password    TEXT,                          -- PHC string (Argon2id) or an imported {SCHEME} hash; NULL: cannot log in
    created     INTEGER NOT NULL
) STRICT;

-- One move of one account: its state machine, as JSON that sterna_migrate writes.
CREATE TABLE move (
    account_id INTEGER PRIMARY KEY,            -- a row of account
    state      TEXT    NOT NULL,               -- planned, seeding, following, …
    record     TEXT    NOT NULL,               -- JSON: source, times, counts, last error
    secret     BLOB,                           -- the source's password, sealed with the store's key
    updated    INTEGER NOT NULL
) STRICT;
