-- Work of an account that one process at a time does, and until when that one may.
CREATE TABLE job (
    account_id INTEGER NOT NULL,
    kind       TEXT    NOT NULL,               -- directory::JobKind
    holder     TEXT    NOT NULL,               -- who does it, for a person to read; empty: nobody
    token      INTEGER NOT NULL,               -- the directory's modseq when it was taken; 0: never. None comes twice
    until      INTEGER NOT NULL,               -- the holder's lease, milliseconds since 1970 by the database's clock; 0: free
    PRIMARY KEY (account_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_until ON job (kind, until);
