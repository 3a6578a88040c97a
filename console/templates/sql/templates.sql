-- Templates and their versions, branding, images and files.

-- name: template_last_id
SELECT max(coalesce((SELECT max(id) FROM template), 0), coalesce((SELECT max(id) FROM media), 0));

-- name: template_get
SELECT t.id, t.account, t.name, t.version, t.state, t.created_ms, t.changed_ms,
       v.kind, v.design, v.subject
FROM template t JOIN template_version v ON v.template = t.id AND v.number = t.version
WHERE t.id = :template;

-- name: template_named
SELECT t.id, t.account, t.name, t.version, t.state, t.created_ms, t.changed_ms,
       v.kind, v.design, v.subject
FROM template t JOIN template_version v ON v.template = t.id AND v.number = t.version
WHERE t.account = :account AND t.state = 'active' AND (t.name = :name OR t.id = :template)
ORDER BY t.id DESC LIMIT 1;

-- name: template_page
-- Those of an account, what was changed last first; `search` is a pattern for LIKE.
SELECT t.id, t.account, t.name, t.version, t.state, t.created_ms, t.changed_ms,
       v.kind, v.design, v.subject
FROM template t JOIN template_version v ON v.template = t.id AND v.number = t.version
WHERE t.account = :account AND t.state = :state AND t.name LIKE :search ESCAPE '\'
  AND (t.changed_ms, t.id) < (:before_ms, :before)
ORDER BY t.changed_ms DESC, t.id DESC LIMIT :count;

-- name: template_version_get
SELECT template, number, kind, design, subject, source, slots, files, note, author, at_ms, text
FROM template_version WHERE template = :template AND number = :number;

-- name: template_version_list
SELECT number, subject, note, author, at_ms FROM template_version
WHERE template = :template AND number > 0 ORDER BY number DESC LIMIT :count;

-- name: template_insert
-- order: 140
-- rows: id, account, name, created_ms
INSERT INTO template (id, account, name, version, state, created_ms, changed_ms)
SELECT value->>0, value->>1, value->>2, 1, 'active', value->>3, value->>3
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: template_change
-- order: 141
-- rows: id, version before, version, name, state, changed_ms
UPDATE template
SET version = v.version, name = v.name, state = v.state, changed_ms = v.changed_ms
FROM (SELECT value->>0 AS id, value->>1 AS was, value->>2 AS version, value->>3 AS name,
             value->>4 AS state, value->>5 AS changed_ms FROM json_each(:rows)) AS v
WHERE template.id = v.id AND template.version = v.was;

-- name: template_version_put
-- order: 142
-- rows: template, number, kind, design, subject, source, slots, files, note, author, at_ms, text
INSERT INTO template_version (template, number, kind, design, subject, source, slots, files, note,
                              author, at_ms, text)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, value->>10, value->>11
FROM json_each(:rows) WHERE true
ON CONFLICT (template, number) DO UPDATE SET
    kind = excluded.kind, design = excluded.design, subject = excluded.subject,
    source = excluded.source, slots = excluded.slots, files = excluded.files,
    note = excluded.note, author = excluded.author, at_ms = excluded.at_ms, text = excluded.text
WHERE excluded.number <= 0;

-- name: template_draft_drop
-- order: 143
-- rows: template, number (of somebody's draft: 0 or less)
DELETE FROM template_version
WHERE number <= 0
  AND (template, number) IN (SELECT value->>0, value->>1 FROM json_each(:rows));

-- name: brand_get
SELECT fields FROM brand WHERE account = :account;

-- name: brand_put
-- order: 144
-- rows: account, fields, changed_ms
INSERT INTO brand (account, fields, changed_ms)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT (account) DO UPDATE SET fields = excluded.fields, changed_ms = excluded.changed_ms;

-- name: media_page
SELECT id, account, token, kind, name, media_type, size, width, height, parts, state, author, at_ms
FROM media
WHERE account = :account AND state = 'active' AND (:kind = '' OR kind = :kind) AND id < :before
ORDER BY id DESC LIMIT :count;

-- name: media_get
SELECT id, account, token, kind, name, media_type, size, width, height, parts, state, author, at_ms
FROM media WHERE id = :media;

-- name: media_of_token
SELECT id, account, token, kind, name, media_type, size, width, height, parts, state, author, at_ms
FROM media WHERE token = :token;

-- name: media_used
SELECT coalesce(sum(size), 0) FROM media WHERE account = :account;

-- name: media_part_get
SELECT data FROM media_part WHERE media = :media AND number = :number;

-- name: media_insert
-- order: 145
-- rows: id, account, token, kind, name, media_type, size, width, height, parts, author, at_ms
INSERT INTO media (id, account, token, kind, name, media_type, size, width, height, parts, state,
                   author, at_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
       value->>8, value->>9, 'active', value->>10, value->>11
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: media_part_insert
-- order: 146
-- rows: media, number, data
INSERT INTO media_part (media, number, data)
SELECT value->>0, value->>1, value->>2 FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: media_change
-- order: 147
-- rows: id, name, state
UPDATE media SET name = v.name, state = v.state
FROM (SELECT value->>0 AS id, value->>1 AS name, value->>2 AS state FROM json_each(:rows)) AS v
WHERE media.id = v.id;
