-- Mail in and out. Columns are explained in directory_3.sql and account_3.sql.

ALTER TABLE message ADD COLUMN pop_order BIGINT;

CREATE TABLE sieve_script (
    account_id BIGINT NOT NULL,
    name       TEXT   COLLATE "C" NOT NULL,
    active     BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    modified   BIGINT NOT NULL,
    text       TEXT   COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE remembered (
    account_id BIGINT NOT NULL,
    kind       TEXT   COLLATE "C" NOT NULL,
    key        BYTEA  NOT NULL,
    until      BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, key)
);
CREATE INDEX remembered_until ON remembered (account_id, until);

-- The directory's.

ALTER TABLE domain
    ADD COLUMN catch_all TEXT COLLATE "C",
    ADD COLUMN route TEXT COLLATE "C",
    ADD COLUMN hourly_limit BIGINT;

ALTER TABLE account
    ADD COLUMN forwards TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN keep_copy BIGINT NOT NULL DEFAULT 1,
    ADD COLUMN route TEXT COLLATE "C",
    ADD COLUMN language TEXT COLLATE "C",
    ADD COLUMN hourly_limit BIGINT,
    ADD COLUMN lock_reason TEXT COLLATE "C",
    ADD COLUMN lock_since BIGINT;

CREATE TABLE alias (
    address TEXT   COLLATE "C" PRIMARY KEY,
    created BIGINT NOT NULL
);

CREATE TABLE alias_target (
    address TEXT COLLATE "C" NOT NULL,
    target  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (address, target)
);
CREATE INDEX alias_target_target ON alias_target (target, address);

CREATE TABLE queue_message (
    id         BIGINT PRIMARY KEY,
    sender     TEXT   COLLATE "C" NOT NULL,
    options    TEXT   COLLATE "C" NOT NULL,
    submitter  BIGINT,
    blob_id    BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    queued_ms  BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    held       BIGINT NOT NULL,
    recipients BIGINT NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX queue_message_blob ON queue_message (blob_id);
CREATE INDEX queue_message_sender ON queue_message (sender, id);
CREATE INDEX queue_message_held ON queue_message (id) WHERE held = 1;

CREATE TABLE queue_batch (
    message_id  BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    destination TEXT   COLLATE "C" NOT NULL,
    next_ms     BIGINT NOT NULL,
    recipients  BIGINT NOT NULL,
    token       BIGINT NOT NULL,
    holder      TEXT   COLLATE "C",
    PRIMARY KEY (message_id, number)
);
CREATE INDEX queue_batch_next ON queue_batch (destination, next_ms, message_id, number);
CREATE INDEX queue_batch_message ON queue_batch (destination, message_id);
CREATE INDEX queue_batch_holder ON queue_batch (holder) WHERE holder IS NOT NULL;

CREATE TABLE queue_recipient (
    message_id BIGINT NOT NULL,
    batch      BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    address    TEXT   COLLATE "C" NOT NULL,
    options    TEXT   COLLATE "C" NOT NULL,
    attempts   BIGINT NOT NULL,
    due_ms     BIGINT NOT NULL,
    last_error TEXT   COLLATE "C",
    delay_told BIGINT NOT NULL,
    PRIMARY KEY (message_id, batch, id)
);
CREATE INDEX queue_recipient_address ON queue_recipient (address, message_id);

CREATE TABLE queue_destination (
    name       TEXT   COLLATE "C" PRIMARY KEY,
    next_ms    BIGINT NOT NULL,
    recipients BIGINT NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX queue_destination_next ON queue_destination (next_ms, name);

CREATE TABLE queue_total (
    id         BIGINT PRIMARY KEY,
    messages   BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    held       BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO queue_total VALUES (1, 0, 0, 0);

CREATE TABLE submission (
    account_id BIGINT NOT NULL,
    bucket     BIGINT NOT NULL,
    messages   BIGINT NOT NULL,
    refused    BIGINT NOT NULL,
    failed     BIGINT NOT NULL,
    PRIMARY KEY (account_id, bucket)
);

CREATE TABLE submission_domain (
    domain   TEXT   COLLATE "C" NOT NULL,
    bucket   BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    PRIMARY KEY (domain, bucket)
);

CREATE TABLE dkim_key (
    domain    TEXT   COLLATE "C" NOT NULL,
    selector  TEXT   COLLATE "C" NOT NULL,
    algorithm TEXT   COLLATE "C" NOT NULL,
    secret    BYTEA  NOT NULL,
    public    BYTEA  NOT NULL,
    state     TEXT   COLLATE "C" NOT NULL,
    created   BIGINT NOT NULL,
    changed   BIGINT NOT NULL,
    PRIMARY KEY (domain, selector)
);
