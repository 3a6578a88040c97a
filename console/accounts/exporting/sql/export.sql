-- Whose data an export holds; the tables themselves are declared in `tables`.

-- name: export_accounts
-- An account and all below it.
WITH RECURSIVE below (id) AS (
    SELECT id FROM account WHERE id = :account
    UNION ALL SELECT a.id FROM account AS a JOIN below AS b ON a.parent = b.id)
SELECT id FROM below ORDER BY id;
