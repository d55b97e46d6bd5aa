-- Going back after a move: what is where on the old side, and which e-mail a removed message was.

ALTER TABLE tombstone ADD COLUMN email_id INTEGER; -- kind 1: a row of email, or one that was; NULL: not known

-- A mailbox and its folder on the old side. It outlives the mailbox, for its removal has to be carried back as well.
CREATE TABLE move_back_folder (
    account_id INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,               -- a mailbox, or one that was
    source     BLOB    NOT NULL,               -- the folder's name on the old side's wire
    state      TEXT    NOT NULL,               -- JSON, sterna_migrate's
    PRIMARY KEY (account_id, mailbox_id)
) STRICT, WITHOUT ROWID;

-- A message that came after the change of sides and is on both, whichever it came to first.
CREATE TABLE move_back (
    account_id INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,
    uid        INTEGER NOT NULL,               -- here
    source_uid INTEGER NOT NULL,               -- in the mailbox's folder on the old side
    PRIMARY KEY (account_id, mailbox_id, uid)
) STRICT, WITHOUT ROWID;
