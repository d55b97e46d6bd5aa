-- Names that clients keep: a mailbox that moved here from a server without UTF8=ACCEPT (RFC 6855) goes on without it.

ALTER TABLE account_state ADD COLUMN utf8_accept INTEGER NOT NULL DEFAULT 1;  -- 1: sessions may enable it
