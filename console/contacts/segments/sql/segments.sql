-- Segments, and the contacts that their filters hold for.

-- name: contact_segments_last_id
SELECT coalesce(max(id), 0) FROM contact_segment;

-- name: contact_segment_by_id
SELECT id, account, name, filter, counted, counted_ms, created_ms, changed_ms
FROM contact_segment WHERE id = :segment;

-- name: contact_segment_page
SELECT id, account, name, filter, counted, counted_ms, created_ms, changed_ms
FROM contact_segment
WHERE :accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts))
ORDER BY name LIMIT 1000;

-- name: contact_segment_insert
-- order: 64
-- rows: id, account, name, filter, now_ms
INSERT INTO contact_segment (id, account, name, filter, created_ms, changed_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>4
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: contact_segment_change
-- order: 65
-- rows: id, name, filter, now_ms
UPDATE contact_segment SET name = v.name, filter = v.filter, counted_ms = 0, changed_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS name, value->>2 AS filter, value->>3 AS now_ms
      FROM json_each(:rows)) AS v
WHERE contact_segment.id = v.id;

-- name: contact_segment_counted
-- order: 66
-- rows: id, counted, now_ms
UPDATE contact_segment SET counted = v.counted, counted_ms = v.now_ms
FROM (SELECT value->>0 AS id, value->>1 AS counted, value->>2 AS now_ms
      FROM json_each(:rows)) AS v
WHERE contact_segment.id = v.id;

-- name: contact_segment_remove
-- order: 69
-- rows: id
DELETE FROM contact_segment WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: contact_segment_hits
-- Looks at the next `span` active contacts of an account behind `after`. Gives those whom a
-- program of role 1 holds for and none of role 2, and the last that it looked at in any case.
-- A program holds when each of its groups has a literal that is true.
-- literals: program, role, group, is_negated, source, path, op, text, number
WITH literal AS MATERIALIZED (
    SELECT value->>0 AS program, value->>1 AS role, value->>2 AS part, value->>3 AS is_negated,
           value->>4 AS source, value->>5 AS path, value->>6 AS op, value->>7 AS text,
           value->>8 AS number
    FROM json_each(:literals)
), part AS MATERIALIZED (
    SELECT DISTINCT program, part FROM literal
), program AS MATERIALIZED (
    SELECT DISTINCT program, role FROM literal
), page AS MATERIALIZED (
    SELECT id, account, email, key, attrs, status, language, source, created_ms FROM contact
    WHERE account = :account AND id > :after ORDER BY id LIMIT :span
), judged AS (
    SELECT c.id, c.email, c.key, c.attrs, c.status = 'active' AND (
        SELECT max(p.role) FROM program AS p WHERE NOT EXISTS (
            SELECT 1 FROM part AS g WHERE g.program = p.program AND NOT EXISTS (
                SELECT 1 FROM literal AS l
                WHERE l.program = g.program AND l.part = g.part AND l.is_negated <> coalesce(
                    CASE l.source
                    WHEN 'list' THEN EXISTS (
                        SELECT 1 FROM list_member AS m WHERE m.list = l.number
                          AND m.contact = c.id AND (l.op = 'any' OR m.status = 'confirmed'))
                    WHEN 'created' THEN CASE l.op WHEN 'before' THEN c.created_ms < l.number
                                                  ELSE c.created_ms >= l.number END
                    WHEN 'consent' THEN EXISTS (
                        SELECT 1 FROM consent AS a WHERE a.contact = c.id AND a.what = 'given'
                          AND (l.number = 0 OR a.list = l.number)
                          AND NOT EXISTS (SELECT 1 FROM consent AS b WHERE b.contact = c.id
                                            AND b.list = a.list AND b.id > a.id
                                            AND b.what = 'withdrawn'))
                    WHEN 'opened' THEN EXISTS (
                        SELECT 1 FROM delivery AS d JOIN engagement AS e ON e.delivery = d.id
                        JOIN message AS s ON s.id = d.message AND s.account = c.account
                        WHERE d.address = c.email AND e.last_opened_ms >= l.number)
                    WHEN 'clicked' THEN EXISTS (
                        SELECT 1 FROM delivery AS d JOIN engagement AS e ON e.delivery = d.id
                        JOIN message AS s ON s.id = d.message AND s.account = c.account
                        WHERE d.address = c.email AND e.last_clicked_ms >= l.number)
                    ELSE (
                        SELECT CASE l.op
                            WHEN 'is' THEN v.folded = l.text
                            WHEN 'contains' THEN instr(v.folded, l.text) > 0
                            WHEN 'starts' THEN substr(v.folded, 1, length(l.text)) = l.text
                            WHEN 'ends' THEN substr(v.folded, -length(l.text)) = l.text
                            WHEN 'filled' THEN v.folded <> ''
                            WHEN 'over' THEN v.folded GLOB '*[0-9]*'
                                 AND v.folded NOT GLOB '*[^-0-9.]*'
                                 AND CAST(v.folded AS REAL) > l.number
                            WHEN 'under' THEN v.folded GLOB '*[0-9]*'
                                 AND v.folded NOT GLOB '*[^-0-9.]*'
                                 AND CAST(v.folded AS REAL) < l.number
                        END
                        FROM (SELECT replace(replace(replace(replace(replace(replace(replace(lower(
                            CASE l.source WHEN 'email' THEN c.email
                                          WHEN 'language' THEN c.language
                                          WHEN 'source' THEN c.source
                                          ELSE coalesce(json_extract(c.attrs, l.path), '') END
                            ), 'Á', 'á'), 'É', 'é'), 'Í', 'í'), 'Ó', 'ó'), 'Ú', 'ú'), 'Ü', 'ü'),
                            'Ñ', 'ñ') AS folded) AS v)
                    END, 0)))) = 1 AS is_hit
    FROM page AS c
)
SELECT id, email, key, attrs, coalesce(is_hit, 0) FROM judged
WHERE is_hit OR id = (SELECT max(id) FROM page)
ORDER BY id;
