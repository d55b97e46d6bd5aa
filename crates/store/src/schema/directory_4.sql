-- Platforms, and what makes a live move: the epoch of a route, the hold under which it changes, who has sessions.

CREATE TABLE platform (
    name     TEXT PRIMARY KEY,                 -- as routes name it: platform:NAME
    settings TEXT NOT NULL,                    -- JSON, sterna_frontdoor's: its servers, how to log in there, limits
    secret   BLOB,                             -- of the login that stands for all users, sealed with the store's key
    created  INTEGER NOT NULL                  -- seconds since 1970
) STRICT, WITHOUT ROWID;

ALTER TABLE account ADD COLUMN route_epoch INTEGER NOT NULL DEFAULT 0;  -- rises with every change of the route

ALTER TABLE move ADD COLUMN wanted TEXT;       -- what the mover is asked to do next, in its words; NULL: nothing

-- An account whose sessions and mail wait, because its route is about to change. Void once its time has passed.
CREATE TABLE hold (
    account_id INTEGER PRIMARY KEY,
    token      INTEGER NOT NULL,               -- the directory's modseq when it began: no two are alike
    round      INTEGER NOT NULL,               -- 0: end; 1: park; each further one: look for changes
    until      INTEGER NOT NULL                -- milliseconds since 1970 by the database's clock
) STRICT;

-- Nodes that have sessions, of a store that is shared. One that is past its time has none: it has ended them itself.
CREATE TABLE node (
    name  TEXT PRIMARY KEY,                    -- Store::holder
    until INTEGER NOT NULL                     -- milliseconds since 1970 by the database's clock
) STRICT, WITHOUT ROWID;

-- Which node has sessions of which account.
CREATE TABLE presence (
    account_id INTEGER NOT NULL,
    node       TEXT    NOT NULL,
    token      INTEGER NOT NULL,               -- of the hold that its sessions answered last; 0: of none
    round      INTEGER NOT NULL,               -- the round that they answered
    PRIMARY KEY (account_id, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX presence_node ON presence (node);
