-- Everything in one PostgreSQL database: the directory's tables, and those of all accounts.
--
-- What a distributed engine needs: account_id leads every primary key, every index and every foreign key of an account's
-- tables, so that they can be distributed by it and kept together; the directory's three tables are small and looked up
-- by name. Only BIGINT, TEXT and BYTEA; text is compared by its bytes. Columns are explained in account_1.sql and
-- directory_1.sql.

-- Account 0 is the directory: its clock and its next account id.
CREATE TABLE account_state (
    account_id    BIGINT PRIMARY KEY,
    modseq        BIGINT NOT NULL,
    next_id       BIGINT NOT NULL,
    last_validity BIGINT NOT NULL DEFAULT 0,
    used_bytes    BIGINT NOT NULL DEFAULT 0,
    quota_bytes   BIGINT,
    delimiter     TEXT   COLLATE "C" NOT NULL DEFAULT '/',
    prefix        TEXT   COLLATE "C" NOT NULL DEFAULT ''
) WITH (fillfactor = 50);
INSERT INTO account_state (account_id, modseq, next_id) VALUES (0, 0, 1);

CREATE TABLE mailbox (
    account_id     BIGINT NOT NULL,
    id             BIGINT NOT NULL,
    parent_id      BIGINT NOT NULL,
    name           TEXT   COLLATE "C" NOT NULL,
    raw_name       BYTEA,
    role           TEXT   COLLATE "C",
    uid_validity   BIGINT NOT NULL,
    uid_next       BIGINT NOT NULL,
    highest_modseq BIGINT NOT NULL,
    expunge_floor  BIGINT NOT NULL,
    import_modseq  BIGINT NOT NULL,
    created_modseq BIGINT NOT NULL,
    modseq         BIGINT NOT NULL,
    subscribed     BIGINT NOT NULL,
    selectable     BIGINT NOT NULL,
    total          BIGINT NOT NULL,
    unseen         BIGINT NOT NULL,
    deleted        BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, parent_id, name)
) WITH (fillfactor = 50);

CREATE TABLE subscription (
    account_id BIGINT NOT NULL,
    path       TEXT   COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, path)
);

CREATE TABLE blob (
    account_id BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    hash       BYTEA  NOT NULL,
    size       BIGINT NOT NULL,
    stored     BIGINT NOT NULL,
    object     TEXT   COLLATE "C",
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, hash)
);

CREATE TABLE blob_chunk (
    account_id BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    data       BYTEA  NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE TABLE blob_upload (
    account_id BIGINT NOT NULL,
    object     TEXT   COLLATE "C" NOT NULL,
    started    BIGINT NOT NULL,
    PRIMARY KEY (account_id, object)
);

CREATE TABLE blob_garbage (
    account_id BIGINT NOT NULL,
    object     TEXT   COLLATE "C" NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (account_id, object)
);

CREATE TABLE email (
    account_id      BIGINT NOT NULL,
    id              BIGINT NOT NULL,
    blob_id         BIGINT NOT NULL,
    thread_id       BIGINT NOT NULL,
    size            BIGINT NOT NULL,
    received        BIGINT NOT NULL,
    received_offset BIGINT NOT NULL,
    sent            BIGINT,
    sent_offset     BIGINT,
    created_modseq  BIGINT NOT NULL,
    structure       BYTEA  NOT NULL,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, blob_id) REFERENCES blob (account_id, id)
);
CREATE INDEX email_blob ON email (account_id, blob_id);

CREATE TABLE message (
    account_id     BIGINT NOT NULL,
    mailbox_id     BIGINT NOT NULL,
    uid            BIGINT NOT NULL,
    email_id       BIGINT NOT NULL,
    flags          BIGINT NOT NULL,
    modseq         BIGINT NOT NULL,
    created_modseq BIGINT NOT NULL,
    saved_at       BIGINT NOT NULL,
    uidl           TEXT   COLLATE "C",
    PRIMARY KEY (account_id, mailbox_id, uid),
    FOREIGN KEY (account_id, mailbox_id) REFERENCES mailbox (account_id, id),
    FOREIGN KEY (account_id, email_id) REFERENCES email (account_id, id)
);
CREATE INDEX message_modseq ON message (account_id, mailbox_id, modseq);
CREATE INDEX message_email ON message (account_id, email_id);

CREATE TABLE keyset (
    account_id BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    names      TEXT   COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, names)
);

CREATE TABLE tombstone (
    account_id BIGINT NOT NULL,
    kind       BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    modseq     BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, mailbox_id, modseq, id)
);

CREATE TABLE thread_key (
    account_id BIGINT NOT NULL,
    key        BIGINT NOT NULL,
    thread_id  BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
);

CREATE TABLE move_folder (
    account_id BIGINT NOT NULL,
    source     BYTEA  NOT NULL,
    mailbox_id BIGINT NOT NULL,
    cursor     TEXT   COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, source)
);

CREATE TABLE move_exception (
    account_id BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    source     BYTEA  NOT NULL,
    uid        BIGINT,
    reason     TEXT   COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE TABLE domain (
    name    TEXT   COLLATE "C" PRIMARY KEY,
    created BIGINT NOT NULL
);

CREATE TABLE account (
    id          BIGINT PRIMARY KEY,
    address     TEXT   COLLATE "C" NOT NULL UNIQUE,
    status      TEXT   COLLATE "C" NOT NULL,
    quota_bytes BIGINT,
    password    TEXT   COLLATE "C",
    created     BIGINT NOT NULL
);

CREATE TABLE move (
    account_id BIGINT PRIMARY KEY,
    state      TEXT   COLLATE "C" NOT NULL,
    record     TEXT   COLLATE "C" NOT NULL,
    secret     BYTEA,
    updated    BIGINT NOT NULL
);

-- Work of an account that one node at a time does, and until when that node may.
CREATE TABLE job (
    account_id BIGINT NOT NULL,
    kind       TEXT   COLLATE "C" NOT NULL,
    holder     TEXT   COLLATE "C" NOT NULL,
    token      BIGINT NOT NULL,
    until      BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind)
);
CREATE INDEX job_until ON job (kind, until);

-- Facts about the whole store: the fingerprint of the key that seals secrets.
CREATE TABLE setting (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);
