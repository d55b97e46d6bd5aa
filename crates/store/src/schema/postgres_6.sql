-- As account_5.sql, which says what the column means.

ALTER TABLE account_state ADD COLUMN utf8_accept BIGINT NOT NULL DEFAULT 1;
