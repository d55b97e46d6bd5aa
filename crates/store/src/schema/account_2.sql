-- Large bodies become objects, files or not, whose keys are used once. A file of step 1 keeps its name: its hash.

ALTER TABLE blob ADD COLUMN object TEXT;       -- NULL: rows of blob_chunk; otherwise the key of its object
UPDATE blob SET object = lower(hex(hash)) WHERE in_file = 1;
ALTER TABLE blob DROP COLUMN in_file;

-- Objects that are being written, or are written and not named by a row of blob yet.
CREATE TABLE blob_upload (
    account_id INTEGER NOT NULL,
    object     TEXT    NOT NULL,
    started    INTEGER NOT NULL,               -- seconds since 1970
    PRIMARY KEY (account_id, object)
) STRICT, WITHOUT ROWID;

-- Objects that no row of blob names, nor ever will again: deleted, then forgotten here.
ALTER TABLE blob_garbage RENAME TO blob_garbage_1;
CREATE TABLE blob_garbage (
    account_id INTEGER NOT NULL,
    object     TEXT    NOT NULL,
    since      INTEGER NOT NULL,               -- seconds since 1970
    PRIMARY KEY (account_id, object)
) STRICT, WITHOUT ROWID;
INSERT INTO blob_garbage (account_id, object, since) SELECT account_id, lower(hex(hash)), 0 FROM blob_garbage_1;
DROP TABLE blob_garbage_1;
