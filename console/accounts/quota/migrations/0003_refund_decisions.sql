-- Until when a refund waits for a decision, what proves it, and who decided why.
ALTER TABLE quota_refund ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
ALTER TABLE quota_refund ADD COLUMN open_until_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quota_refund ADD COLUMN decided_by TEXT NOT NULL DEFAULT '';
ALTER TABLE quota_refund ADD COLUMN decided_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quota_refund ADD COLUMN decision TEXT NOT NULL DEFAULT '';  -- why, in the words of who decided
UPDATE quota_refund SET open_until_ms = created_ms + 604800000 WHERE state = 'proposed';
UPDATE quota_refund SET decided_by = confirmed_by WHERE confirmed_by <> '';
