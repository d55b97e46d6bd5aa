-- As directory_4.sql, which says what the columns mean.

CREATE TABLE platform (
    name     TEXT   COLLATE "C" PRIMARY KEY,
    settings TEXT   COLLATE "C" NOT NULL,
    secret   BYTEA,
    created  BIGINT NOT NULL
);

ALTER TABLE account ADD COLUMN route_epoch BIGINT NOT NULL DEFAULT 0;

ALTER TABLE move ADD COLUMN wanted TEXT COLLATE "C";

CREATE TABLE hold (
    account_id BIGINT PRIMARY KEY,
    token      BIGINT NOT NULL,
    round      BIGINT NOT NULL,
    until      BIGINT NOT NULL
);

CREATE TABLE node (
    name  TEXT   COLLATE "C" PRIMARY KEY,
    until BIGINT NOT NULL
);

CREATE TABLE presence (
    account_id BIGINT NOT NULL,
    node       TEXT   COLLATE "C" NOT NULL,
    token      BIGINT NOT NULL,
    round      BIGINT NOT NULL,
    PRIMARY KEY (account_id, node)
);
CREATE INDEX presence_node ON presence (node);
