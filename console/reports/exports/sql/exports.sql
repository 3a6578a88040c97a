-- Tables that are made in the background.

-- name: export_job_last_id
SELECT coalesce(max(id), 0) FROM export_job;

-- name: export_job_put
-- order: 66
-- One that begins or goes on. rows: id, account, title, name, kind, state, rows, total, size,
-- asked_by, created_ms, done_ms
INSERT INTO export_job (id, account, title, name, kind, state, rows, total, size, asked_by,
                        created_ms, done_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11
FROM json_each(:rows) WHERE true
ON CONFLICT (id) DO UPDATE SET state = excluded.state, rows = excluded.rows,
                               size = excluded.size, done_ms = excluded.done_ms;

-- name: export_job_drop
-- order: 67
-- Those that are no more. rows: id
DELETE FROM export_job WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: export_job_get
SELECT id, account, title, name, kind, state, rows, total, size, asked_by, created_ms, done_ms
FROM export_job WHERE id = :id;

-- name: export_job_page
-- The last ones of an account.
SELECT id, account, title, name, kind, state, rows, total, size, asked_by, created_ms, done_ms
FROM export_job WHERE account = :account ORDER BY id DESC LIMIT :count;

-- name: export_job_open
-- Those that were being made.
SELECT id, account, title, name, kind, state, rows, total, size, asked_by, created_ms, done_ms
FROM export_job WHERE state = 'working';

-- name: export_job_of
-- Those of accounts in a JSON array (NULL: of all).
SELECT id, kind FROM export_job
WHERE :accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts));

-- name: export_job_old
-- Those that were asked for before a moment.
SELECT id, kind FROM export_job WHERE created_ms < :before_ms LIMIT 500;
