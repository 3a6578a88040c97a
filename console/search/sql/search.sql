-- Looking for something by name. Both are bounded: one looks at the newest rows alone, one goes by
-- the index of addresses.

-- name: search_campaigns
-- The newest campaigns of an account, whose names are then compared as people compare them.
SELECT id, name, status, created_ms FROM campaign WHERE account = :account ORDER BY id DESC LIMIT :scanned;

-- name: search_contacts
-- Contacts whose address begins so: keys from `first` to `last`.
SELECT id, email, status FROM contact
WHERE account = :account AND key >= :first AND key < :last ORDER BY key LIMIT :count;
