-- Content segments: what is in them, what of it is still needed, when a file may go.

-- name: segment_open
-- order: 0
-- A new segment file; the first jobs with contents in it say so together with it.
-- rows: id, kind, opened_ms
INSERT INTO segment (id, kind, opened_ms)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT (id) DO NOTHING;

-- name: segment_grow
-- order: 1
-- key: 0
-- Contents were written. Guarded: a job whose segment was removed meanwhile must not be accepted.
-- rows: id, end of the content
UPDATE segment SET bytes = max(segment.bytes, v.ended)
FROM (SELECT value->>0 AS id, max(value->>1) AS ended FROM json_each(:rows) GROUP BY 1) AS v
WHERE segment.id = v.id AND segment.removed_ms = 0;

-- name: segment_live
-- order: 90
-- key: 0
-- References that began (+n) or became final (-n). rows: id, difference, now_ms
UPDATE segment
SET live = segment.live + v.difference, total = segment.total + v.begun,
    last_final_ms = max(segment.last_final_ms, v.final_ms)
FROM (SELECT value->>0 AS id, sum(value->>1) AS difference, sum(max(value->>1, 0)) AS begun,
             max(CASE WHEN value->>1 < 0 THEN value->>2 ELSE 0 END) AS final_ms
      FROM json_each(:rows) GROUP BY 1) AS v
WHERE segment.id = v.id;

-- name: segment_seal
-- order: 91
-- Nothing will be added any more. rows: id
UPDATE segment SET sealed = 1
WHERE sealed = 0 AND id IN (SELECT value->>0 FROM json_each(:rows));

-- name: segment_remove
-- order: 92
-- The file goes; the row stays, so that a number is never used again.
-- Guarded: nothing may have become live since it was chosen. rows: id, now_ms
UPDATE segment SET removed_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS now_ms FROM json_each(:rows)) AS v
WHERE segment.id = v.id AND segment.sealed = 1 AND segment.live <= 0 AND segment.removed_ms = 0;

-- name: segment_removable
-- Sealed segments without anything live, the last end before a time.
SELECT id FROM segment
WHERE removed_ms = 0 AND sealed = 1 AND live <= 0 AND last_final_ms <= :before_ms ORDER BY id;

-- name: segment_sparse
-- Sealed segments of which less than a share is live.
SELECT id, kind, live, total, bytes FROM segment
WHERE removed_ms = 0 AND sealed = 1 AND live > 0 AND live < total * :live_ratio ORDER BY id;

-- name: segment_unsealed
-- What a process that ended left open.
SELECT id FROM segment WHERE removed_ms = 0 AND sealed = 0;

-- name: segment_files
-- Segments whose file must exist.
SELECT id FROM segment WHERE removed_ms = 0;

-- name: segment_last
-- The greatest number ever used.
SELECT coalesce(max(id), 0) FROM segment;

-- name: segment_uses
-- Every segment whose file must exist: id, sealed, end of its last content.
SELECT id, sealed, bytes FROM segment WHERE removed_ms = 0 ORDER BY id;

-- name: segment_use
-- The end of a segment's last content and when its file was given up (0: not yet).
SELECT bytes, removed_ms FROM segment WHERE id = :segment;
