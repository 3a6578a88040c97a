-- What is exported of an account: templates, brand, images and files. Paged by key; keys come first.

-- name: export_template
SELECT t.id,
       t.id, t.account, t.name, t.version, t.state, t.created_ms, t.changed_ms
FROM template AS t
WHERE t.id > :after
  AND +t.account IN (SELECT value FROM json_each(:accounts))
ORDER BY t.id LIMIT :count;

-- name: export_template_version
SELECT v.template, v.number,
       v.template, v.number, v.kind, v.design, v.subject, v.source, v.slots, v.files, v.text, v.note, v.author,
       v.at_ms
FROM template_version AS v CROSS JOIN template AS t ON t.id = v.template
WHERE (v.template, v.number) > (:after, :after_2)
  AND +t.account IN (SELECT value FROM json_each(:accounts))
ORDER BY v.template, v.number LIMIT :count;

-- name: export_brand
SELECT b.account,
       b.account, b.fields, b.changed_ms
FROM brand AS b
WHERE b.account > :after
  AND +b.account IN (SELECT value FROM json_each(:accounts))
ORDER BY b.account LIMIT :count;

-- name: export_media
SELECT m.id,
       m.id, m.account, m.kind, m.name, m.media_type, m.size, m.width, m.height, m.parts, m.state,
       m.author, m.at_ms
FROM media AS m
WHERE m.id > :after
  AND +m.account IN (SELECT value FROM json_each(:accounts))
ORDER BY m.id LIMIT :count;

-- name: export_media_part
-- The images and files themselves, in base64.
SELECT p.media, p.number,
       p.media, p.number, p.data
FROM media_part AS p CROSS JOIN media AS m ON m.id = p.media
WHERE (p.media, p.number) > (:after, :after_2)
  AND +m.account IN (SELECT value FROM json_each(:accounts))
ORDER BY p.media, p.number LIMIT :count;
