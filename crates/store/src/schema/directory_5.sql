-- How many of a node's sessions are parked, for the receipt.
ALTER TABLE presence ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;
