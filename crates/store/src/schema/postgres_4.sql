-- As account_4.sql, which says what the columns mean.

ALTER TABLE tombstone ADD COLUMN email_id BIGINT;

CREATE TABLE move_back_folder (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    source     BYTEA  NOT NULL,
    state      TEXT   COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, mailbox_id)
);

CREATE TABLE move_back (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    uid        BIGINT NOT NULL,
    source_uid BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
);
