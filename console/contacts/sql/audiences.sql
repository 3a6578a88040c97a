-- Uploads, audiences and their rows.

-- name: contacts_last_id
SELECT max(coalesce((SELECT max(id) FROM contact), 0), coalesce((SELECT max(id) FROM upload), 0),
           coalesce((SELECT max(id) FROM audience), 0), coalesce((SELECT max(id) FROM contact_list), 0),
           coalesce((SELECT max(id) FROM consent), 0));

-- name: upload_by_id
SELECT id, account, name, size, sha256, state, problem, kind, options, counts, columns, audience,
       stored, created_by, created_ms, changed_ms
FROM upload WHERE id = :upload;

-- name: upload_page
SELECT id, account, name, size, sha256, state, problem, kind, options, counts, columns, audience,
       stored, created_by, created_ms, changed_ms
FROM upload
WHERE id < :before
  AND (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
ORDER BY id DESC LIMIT :count;

-- name: uploads_open
SELECT id FROM upload WHERE state IN ('reading', 'storing') ORDER BY id;

-- name: uploads_old
SELECT id, account, name, size, sha256, state, problem, kind, options, counts, columns, audience,
       stored, created_by, created_ms, changed_ms
FROM upload
WHERE id > :after AND state NOT IN ('reading', 'storing')
  AND created_ms < CASE state WHEN 'received' THEN :unconfirmed_ms ELSE :before_ms END
ORDER BY id LIMIT :count;

-- name: upload_erase
-- order: 69
-- rows: id
DELETE FROM upload WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: upload_rejects
SELECT row, col, value, reason, hint FROM upload_reject
WHERE upload = :upload AND row > :after ORDER BY row LIMIT :count;

-- name: upload_reject_counts
SELECT reason, count(*) FROM upload_reject WHERE upload = :upload GROUP BY reason;

-- name: upload_insert
-- order: 64
-- rows: id, account, name, size, sha256, state, kind, created_by, now_ms
INSERT INTO upload (id, account, name, size, sha256, state, kind, created_by, created_ms, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>8
FROM json_each(:rows);

-- name: upload_state
-- order: 65
-- rows: id, state before, state, problem, options, counts, columns, audience, now_ms
UPDATE upload
SET state = v.state, problem = v.problem, options = v.options, counts = v.counts,
    columns = v.columns, audience = v.audience, changed_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS state, value->>3 AS problem,
             value->>4 AS options, value->>5 AS counts, value->>6 AS columns,
             value->>7 AS audience, value->>8 AS now_ms FROM json_each(:rows)) AS v
WHERE upload.id = v.id AND upload.state = v.was;

-- name: upload_begin
-- order: 65
-- Its rows are stored from now on. rows: id, state before, audience, now_ms
UPDATE upload
SET state = 'storing', audience = v.audience, stored = 0, counts = '{}', changed_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS audience, value->>3 AS now_ms
      FROM json_each(:rows)) AS v
WHERE upload.id = v.id AND upload.state = v.was;

-- name: upload_stored
-- order: 65
-- How many rows are stored. rows: id, audience, stored before, stored
UPDATE upload SET stored = v.stored
FROM (SELECT value->>0 AS id, value->>1 AS audience, value->>2 AS was, value->>3 AS stored
      FROM json_each(:rows)) AS v
WHERE upload.id = v.id AND upload.audience = v.audience AND upload.stored = v.was
  AND upload.state = 'storing';

-- name: upload_reject_insert
-- order: 66
-- rows: upload, JSON array of [row, col, value, reason, hint]
WITH v AS MATERIALIZED (SELECT value->>0 AS upload, value->>1 AS page FROM json_each(:rows))
INSERT INTO upload_reject (upload, row, col, value, reason, hint)
SELECT v.upload, r.value->>0, r.value->>1, r.value->>2, r.value->>3, r.value->>4
FROM v CROSS JOIN json_each(v.page) AS r WHERE true
ON CONFLICT DO NOTHING;

-- name: upload_reject_erase
-- order: 65
-- rows: upload, last row
DELETE FROM upload_reject
WHERE (upload, row) IN (
    SELECT r.upload, r.row FROM json_each(:rows) AS v
    CROSS JOIN upload_reject AS r ON r.upload = v.value->>0 AND r.row <= v.value->>1);

-- name: audience_by_id
SELECT id, account, name, state, total, counts, columns FROM audience WHERE id = :audience;

-- name: audience_source
SELECT source, place, total FROM audience WHERE id = :audience;

-- name: audience_of
-- The audience with that source, if it was made before.
SELECT id FROM audience WHERE account = :account AND source = :source AND state <> 'erased'
ORDER BY id DESC LIMIT 1;

-- name: audience_rows
SELECT n, address, merge, contact FROM audience_row
WHERE audience = :audience AND n >= :first ORDER BY n LIMIT :count;

-- name: audience_insert
-- order: 64
-- rows: id, account, name, state, source, now_ms
INSERT INTO audience (id, account, name, state, source, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(:rows);

-- name: audience_row_insert
-- order: 66
-- rows: audience, n, address, key, merge, contact
INSERT INTO audience_row (audience, n, address, key, merge, contact)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: audience_page_insert
-- order: 66
-- Rows of a file as they come from where they were judged.
-- rows: audience, number of the first one, JSON array of [row, address, key, merge]
WITH v AS MATERIALIZED ( -- or the whole page would be parsed again for each of its rows
    SELECT value->>0 AS audience, value->>1 AS first, value->>2 AS page FROM json_each(:rows))
INSERT INTO audience_row (audience, n, address, key, merge, contact)
SELECT v.audience, v.first + r.key, r.value->>1, r.value->>2, r.value->>3, NULL
FROM v CROSS JOIN json_each(v.page) AS r;

-- name: audience_keys
SELECT n, key FROM audience_row
WHERE audience = :audience AND n >= :first ORDER BY n LIMIT :count;

-- name: audience_copy
-- order: 66
-- rows: audience, the one whose rows it gets, first n, n behind the last
INSERT INTO audience_row (audience, n, address, key, merge, contact)
SELECT v.value->>0, r.n, r.address, r.key, r.merge, r.contact
FROM json_each(:rows) AS v
CROSS JOIN audience_row AS r
ON r.audience = v.value->>1 AND r.n >= v.value->>2 AND r.n < v.value->>3;

-- name: audience_ready
-- order: 67
-- rows: id, total, counts, columns
UPDATE audience SET state = 'ready', total = v.total, counts = v.counts, columns = v.columns
FROM (SELECT value->>0 AS id, value->>1 AS total, value->>2 AS counts, value->>3 AS columns
      FROM json_each(:rows)) AS v
WHERE audience.id = v.id AND audience.state = 'building';

-- name: audience_place
-- order: 67
-- How far an audience of lists has come. rows: id, place before, place, total
UPDATE audience SET place = v.place, total = v.total
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS place, value->>3 AS total
      FROM json_each(:rows)) AS v
WHERE audience.id = v.id AND audience.place = v.was AND audience.state = 'building';

-- name: audience_erase
-- order: 68
-- rows: id
UPDATE audience SET state = 'erased', columns = '[]'
WHERE id IN (SELECT value->>0 FROM json_each(:rows)) AND state <> 'erased';

-- name: audience_rows_erase
-- order: 68
-- rows: audience, first n, n behind the last
DELETE FROM audience_row
WHERE (audience, n) IN (
    SELECT r.audience, r.n FROM json_each(:rows) AS v
    CROSS JOIN audience_row AS r
    ON r.audience = v.value->>0 AND r.n >= v.value->>1 AND r.n < v.value->>2);
