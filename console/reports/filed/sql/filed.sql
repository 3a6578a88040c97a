-- Documents that were asked for and made.

-- name: filed_last_id
SELECT coalesce(max(id), 0) FROM filed_report;

-- name: filed_get
SELECT id, account, kind, number, first_day, last_day, language, state, attempts, error, asked_by,
       created_ms, done_ms, digest, lines
FROM filed_report WHERE id = :id;

-- name: filed_page
-- Those of an account and kind ('' any), the newest first, before an id.
SELECT id, account, kind, number, first_day, last_day, language, state, attempts, error, asked_by,
       created_ms, done_ms, digest, lines
FROM filed_report WHERE account = :account AND (:kind = '' OR kind = :kind) AND id < :before
ORDER BY id DESC LIMIT :count;

-- name: filed_next
-- What is to be made, the oldest first.
SELECT id, account, kind, number, first_day, last_day, language, state, attempts, error, asked_by,
       created_ms, done_ms, digest, lines
FROM filed_report WHERE state IN ('waiting', 'working') ORDER BY id LIMIT 1;

-- name: filed_waiting
-- How many of an account are not made yet.
SELECT count(*) FROM filed_report WHERE account = :account AND state IN ('waiting', 'working');

-- name: filed_files
SELECT report, format, size, sha256 FROM filed_report_file
WHERE report IN (SELECT value FROM json_each(:reports)) ORDER BY report, format;

-- name: filed_insert
-- order: 64
-- The number is given at the commit, so there is no gap and none twice.
-- rows: id, account, kind, first_day, last_day, language, asked_by, created_ms
INSERT INTO filed_report (id, account, kind, number, first_day, last_day, language, state, asked_by,
                          created_ms)
SELECT value->>0, value->>1, value->>2,
       (SELECT coalesce(max(number), 0) FROM filed_report
        WHERE account = value->>1 AND kind = value->>2) + 1 + key,
       value->>3, value->>4, value->>5, 'waiting', value->>6, value->>7
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: filed_state
-- order: 65
-- rows: id, state, attempts, error
UPDATE filed_report SET state = v.state, attempts = v.attempts, error = v.error
FROM (SELECT value->>0 AS id, value->>1 AS state, value->>2 AS attempts, value->>3 AS error
      FROM json_each(:rows)) AS v
WHERE filed_report.id = v.id;

-- name: filed_done
-- order: 66
-- rows: id, done_ms, digest, lines
UPDATE filed_report
SET state = 'done', error = '', done_ms = v.done_ms, digest = v.digest, lines = v.lines
FROM (SELECT value->>0 AS id, value->>1 AS done_ms, value->>2 AS digest, value->>3 AS lines
      FROM json_each(:rows)) AS v
WHERE filed_report.id = v.id;

-- name: filed_file_put
-- order: 66
-- rows: report, format, size, sha256
INSERT INTO filed_report_file (report, format, size, sha256)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT (report, format) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256;
