-- Requests and decisions.

-- name: approval_last_id
SELECT coalesce(max(id), 0) FROM approval;

-- name: approval_by_id
SELECT id, kind, account, object, data, state, asked_by_kind, asked_by, asked_by_name, created_ms,
       expires_ms, decided_by_kind, decided_by, decided_by_name, decided_ms, reason
FROM approval WHERE id = :id;

-- name: approval_pending_of
-- The open request for one thing.
SELECT id, kind, account, object, data, state, asked_by_kind, asked_by, asked_by_name, created_ms,
       expires_ms, decided_by_kind, decided_by, decided_by_name, decided_ms, reason
FROM approval WHERE kind = :kind AND account = :account AND object = :object AND state = 'pending';

-- name: approval_waiting
-- What nobody has decided on, the oldest first.
SELECT id, kind, account, object, data, state, asked_by_kind, asked_by, asked_by_name, created_ms,
       expires_ms, decided_by_kind, decided_by, decided_by_name, decided_ms, reason
FROM approval WHERE state = 'pending' ORDER BY id;

-- name: approval_page
-- The newest first, of the accounts in a JSON array, before an id; empty state: all.
SELECT id, kind, account, object, data, state, asked_by_kind, asked_by, asked_by_name, created_ms,
       expires_ms, decided_by_kind, decided_by, decided_by_name, decided_ms, reason
FROM approval
WHERE id < :before AND (:state = '' OR state = :state)
  AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
ORDER BY id DESC LIMIT :count;

-- name: approval_expire
-- order: 60
-- rows: id
UPDATE approval SET state = 'expired'
WHERE state = 'pending' AND id IN (SELECT value->>0 FROM json_each(:rows));

-- name: approval_insert
-- order: 61
-- rows: id, kind, account, object, data, asked_by_kind, asked_by, asked_by_name, created_ms, expires_ms
INSERT INTO approval (id, kind, account, object, data, state, asked_by_kind, asked_by,
                      asked_by_name, created_ms, expires_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, 'pending', value->>5, value->>6,
       value->>7, value->>8, value->>9
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: approval_decide
-- order: 62
-- Once. rows: id, state, decided_by_kind, decided_by, decided_by_name, decided_ms, reason
UPDATE approval
SET state = v.state, decided_by_kind = v.decided_by_kind, decided_by = v.decided_by,
    decided_by_name = v.decided_by_name, decided_ms = v.decided_ms, reason = v.reason
FROM (SELECT value->>0 AS id, value->>1 AS state, value->>2 AS decided_by_kind,
             value->>3 AS decided_by, value->>4 AS decided_by_name, value->>5 AS decided_ms,
             value->>6 AS reason FROM json_each(:rows)) AS v
WHERE approval.id = v.id AND approval.state = 'pending' AND approval.expires_ms > v.decided_ms;
