-- Exports and erasures of whole accounts.

-- name: closing_last_id
SELECT max(coalesce((SELECT max(id) FROM account_export), 0),
           coalesce((SELECT max(id) FROM account_erasure), 0));

-- name: closing_below
-- An account and all below it.
WITH RECURSIVE below (id) AS (
    SELECT :account UNION ALL SELECT a.id FROM account AS a JOIN below AS b ON a.parent = b.id)
SELECT id FROM below ORDER BY id;

-- name: closing_exports
-- Of accounts in a JSON array (NULL: all), the newest first; or one by its id.
SELECT id, account, state, asked_by, created_ms, ended_ms, n_rows, bytes, sha256, problem
FROM account_export
WHERE (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
  AND (:id = 0 OR id = :id)
ORDER BY id DESC LIMIT :count;

-- name: closing_exports_open
SELECT id, account FROM account_export WHERE state IN ('waiting', 'running') ORDER BY id;

-- name: closing_exports_old
-- Those whose file is to go.
SELECT id FROM account_export WHERE state = 'done' AND ended_ms < :before;

-- name: closing_exports_with
-- Those that hold data of accounts in a JSON array (NULL: of any): of them and of all above them.
WITH RECURSIVE line (id) AS (
    SELECT value FROM json_each(:accounts)
    UNION
    SELECT a.parent FROM account AS a JOIN line AS l ON l.id = a.id WHERE a.parent IS NOT NULL
)
SELECT id, state FROM account_export
WHERE state IN ('running', 'done') AND (:accounts IS NULL OR account IN (SELECT id FROM line));

-- name: closing_export_insert
-- order: 80
-- rows: id, account, state, asked_by, created_ms
INSERT INTO account_export (id, account, state, asked_by, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: closing_export_end
-- order: 81
-- rows: id, state, ended_ms, n_rows, bytes, sha256, problem
UPDATE account_export
SET state = v.state, ended_ms = v.ended_ms, n_rows = v.n_rows, bytes = v.bytes, sha256 = v.sha256,
    problem = v.problem
FROM (SELECT value->>0 AS id, value->>1 AS state, value->>2 AS ended_ms, value->>3 AS n_rows,
             value->>4 AS bytes, value->>5 AS sha256, value->>6 AS problem
      FROM json_each(:rows)) AS v
WHERE account_export.id = v.id;

-- name: closing_export_state
-- order: 81
-- rows: id, state
UPDATE account_export SET state = v.state
FROM (SELECT value->>0 AS id, value->>1 AS state FROM json_each(:rows)) AS v
WHERE account_export.id = v.id;

-- name: closing_erasures
-- Of accounts in a JSON array (NULL: all), the newest first; or one by its number.
SELECT id, number, account, name, state, why, asked_by, asked_ms, confirmed_by, confirmed_ms,
       due_ms, ended_by, ended_ms, counts, accounts, export, sha256
FROM account_erasure
WHERE (:accounts IS NULL OR account IN (SELECT value FROM json_each(:accounts)))
  AND (:number = 0 OR number = :number)
ORDER BY number DESC LIMIT :count;

-- name: closing_erasures_due
SELECT number FROM account_erasure
WHERE state = 'erasing' OR (state = 'waiting' AND due_ms <= :now) ORDER BY number;

-- name: closing_erasure_insert
-- order: 82
-- rows: id, account, name, why, asked_by, asked_ms
INSERT INTO account_erasure (id, number, account, name, state, why, asked_by, asked_ms)
SELECT value->>0, (SELECT coalesce(max(number), 0) FROM account_erasure) + 1 + key, value->>1,
       value->>2, 'asked', value->>3, value->>4, value->>5
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: closing_erasure_confirm
-- order: 83
-- rows: id, confirmed_by, confirmed_ms, due_ms
UPDATE account_erasure
SET state = 'waiting', confirmed_by = v.who, confirmed_ms = v.at_ms, due_ms = v.due_ms
FROM (SELECT value->>0 AS id, value->>1 AS who, value->>2 AS at_ms, value->>3 AS due_ms
      FROM json_each(:rows)) AS v
WHERE account_erasure.id = v.id AND state = 'asked';

-- name: closing_erasure_stop
-- order: 84
-- Rejected, or taken back in time. rows: id, state, by, at_ms
UPDATE account_erasure SET state = v.state, ended_by = v.who, ended_ms = v.at_ms
FROM (SELECT value->>0 AS id, value->>1 AS state, value->>2 AS who, value->>3 AS at_ms
      FROM json_each(:rows)) AS v
WHERE account_erasure.id = v.id AND account_erasure.state IN ('asked', 'waiting')
  AND (account_erasure.state = 'asked' OR account_erasure.due_ms > v.at_ms);

-- name: closing_erasure_begin
-- order: 85
-- rows: id, accounts, counts, export
UPDATE account_erasure
SET state = 'erasing', accounts = v.accounts, counts = v.counts, export = v.export
FROM (SELECT value->>0 AS id, value->>1 AS accounts, value->>2 AS counts, value->>3 AS export
      FROM json_each(:rows)) AS v
WHERE account_erasure.id = v.id AND state = 'waiting';

-- name: closing_erasure_end
-- order: 86
-- rows: id, ended_ms, sha256
UPDATE account_erasure SET state = 'done', ended_ms = v.at_ms, sha256 = v.sha256
FROM (SELECT value->>0 AS id, value->>1 AS at_ms, value->>2 AS sha256
      FROM json_each(:rows)) AS v
WHERE account_erasure.id = v.id AND state = 'erasing';

-- name: closing_deliveries
-- Deliveries of accounts (a JSON array) among the next ones that still have an address; the last row
-- tells how far it came: NULL, the last id (NULL at the end).
WITH span AS MATERIALIZED (
    SELECT id, message, address, domain, last_reply FROM delivery WHERE id > :after
    ORDER BY id LIMIT :count)
SELECT s.id, s.message, s.address, s.last_reply
FROM span AS s JOIN message AS m ON m.id = s.message
WHERE m.account IN (SELECT value FROM json_each(:accounts)) AND s.domain <> 'erased.invalid'
UNION ALL
SELECT NULL, (SELECT max(id) FROM span), '', '';

-- name: closing_events
-- The same of events with data.
WITH span AS MATERIALIZED (
    SELECT id, account, data FROM event WHERE id > :after ORDER BY id LIMIT :count)
SELECT id, data, 0 FROM span
WHERE account IN (SELECT value FROM json_each(:accounts)) AND data <> ''
UNION ALL
SELECT NULL, '', (SELECT max(id) FROM span);

-- name: closing_messages
-- The same of messages whose content or subject is there.
WITH span AS MATERIALIZED (
    SELECT id, account, segment, "offset", length, checksum, sender FROM message WHERE id > :after
    ORDER BY id LIMIT :count)
SELECT id, segment, "offset", length, checksum FROM span
WHERE account IN (SELECT value FROM json_each(:accounts))
  AND (length > 0 OR sender NOT LIKE 'erased@%')
UNION ALL
SELECT NULL, (SELECT max(id) FROM span), 0, 0, 0;

-- name: closing_forget_message
-- order: 87
-- rows: id
UPDATE message
SET subject = '', header_id = '', metadata = '', source = '', tags = '', envelope_id = '',
    length = 0, checksum = 0,
    sender = CASE WHEN sender = '' THEN '' ELSE 'erased@' || substr(sender, instr(sender, '@') + 1) END
WHERE id IN (SELECT value->>0 FROM json_each(:rows));

-- name: closing_open
-- How many deliveries of accounts are not over.
SELECT coalesce(sum(c.n), 0) FROM flow AS f JOIN flow_count AS c ON c.flow = f.id
WHERE f.account IN (SELECT value FROM json_each(:accounts)) AND c.state < 10;

-- name: closing_uploads
SELECT id FROM upload WHERE account IN (SELECT value FROM json_each(:accounts));

-- name: closing_domains
SELECT domain FROM sending_domain WHERE account IN (SELECT value FROM json_each(:accounts));

-- name: closing_counts
-- What there is of accounts (a JSON array), by kind.
WITH a (id) AS (SELECT value FROM json_each(:accounts))
SELECT (SELECT count(*) FROM contact WHERE account IN a),
       (SELECT count(*) FROM contact_list WHERE account IN a),
       (SELECT count(*) FROM consent WHERE account IN a),
       (SELECT count(*) FROM upload WHERE account IN a),
       (SELECT count(*) FROM audience_row WHERE audience IN
           (SELECT id FROM audience WHERE account IN a)),
       (SELECT count(*) FROM template WHERE account IN a),
       (SELECT count(*) FROM media WHERE account IN a),
       (SELECT count(*) FROM campaign WHERE account IN a),
       (SELECT count(*) FROM automation WHERE account IN a),
       (SELECT count(*) FROM webhook WHERE account IN a),
       (SELECT count(*) FROM credential WHERE account IN a),
       (SELECT count(*) FROM membership WHERE account IN a),
       (SELECT count(*) FROM sending_domain WHERE account IN a),
       (SELECT count(*) FROM suppression WHERE account IN a),
       (SELECT coalesce(sum(c.n), 0) FROM flow AS f JOIN flow_count AS c ON c.flow = f.id
        WHERE f.account IN a);
