-- What was seen of a tracking domain: when, since when it does not work although it did, and why.
ALTER TABLE tracking_account ADD COLUMN checked_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tracking_account ADD COLUMN failing_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tracking_account ADD COLUMN problem TEXT NOT NULL DEFAULT '';
