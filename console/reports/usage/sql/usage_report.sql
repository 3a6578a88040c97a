-- Reports of consumption.

-- name: usage_report_last_id
SELECT coalesce(max(id), 0) FROM usage_report;

-- name: usage_report_get
SELECT id, account, series, number, first_day, last_day, language, is_scheduled, addressees, formats,
       state, attempts, due_ms, error, asked_by, created_ms, done_ms, digest, mailed_ms, mail_error
FROM usage_report WHERE id = :id;

-- name: usage_report_page
-- Of accounts, a JSON array, before an id, the newest first.
SELECT r.id, r.account, r.series, r.number, r.first_day, r.last_day, r.language, r.is_scheduled,
       r.addressees, r.formats, r.state, r.attempts, r.due_ms, r.error, r.asked_by, r.created_ms,
       r.done_ms, r.digest, r.mailed_ms, r.mail_error
FROM json_each(:accounts) AS a
JOIN usage_report AS r ON r.id IN (
    SELECT p.id FROM usage_report AS p
    WHERE p.account = a.value AND p.id < :before
    ORDER BY p.id DESC LIMIT :count)
ORDER BY r.id DESC LIMIT :count;

-- name: usage_report_next
-- The one that is due, the oldest first.
SELECT id, account, series, number, first_day, last_day, language, is_scheduled, addressees, formats,
       state, attempts, due_ms, error, asked_by, created_ms, done_ms, digest, mailed_ms, mail_error
FROM usage_report WHERE state IN ('waiting', 'working') AND due_ms <= :now_ms
ORDER BY due_ms LIMIT 1;

-- name: usage_report_unmailed
-- Made for people and not mailed to them, nor tried.
SELECT id, account, series, number, first_day, last_day, language, is_scheduled, addressees, formats,
       state, attempts, due_ms, error, asked_by, created_ms, done_ms, digest, mailed_ms, mail_error
FROM usage_report
WHERE state = 'done' AND mailed_ms = 0 AND mail_error = '' AND addressees <> '[]' ORDER BY id;

-- name: usage_report_files
SELECT format, size, parts, sha256 FROM usage_report_file WHERE report = :report ORDER BY format;

-- name: usage_report_of_hash
-- Which file that is; as often as it is one.
SELECT r.account, f.report, f.format FROM usage_report_file AS f
JOIN usage_report AS r ON r.id = f.report WHERE f.sha256 = :sha256 ORDER BY f.report;

-- name: usage_report_part_get
SELECT data FROM usage_report_part WHERE report = :report AND format = :format AND number = :number;

-- name: usage_schedules
SELECT account, is_on, language, addressees, formats, since_ms FROM usage_schedule;

-- name: usage_schedule_periods
-- First days that the schedule has made reports of, in an account and series.
SELECT first_day FROM usage_report
WHERE account = :account AND series = :series AND is_scheduled = 1;

-- name: usage_report_campaigns
-- Subjects and senders of campaigns, a JSON array of ids.
SELECT id, content->>'subject', content->>'from_name', content->>'from_address' FROM campaign
WHERE id IN (SELECT value FROM json_each(:campaigns));

-- name: usage_report_consumed
-- What accounts, a JSON array, took and got back in a time: the ledger, from a checkpoint before it.
SELECT coalesce(sum(e.consumed), 0),
       coalesce(sum(CASE e.kind WHEN 'refund' THEN e.available ELSE 0 END), 0)
FROM json_each(:accounts) AS a
JOIN quota_entry AS e ON e.account = a.value
     AND e.id > (SELECT coalesce(max(entry), 0) FROM quota_checkpoint WHERE at_ms <= :from_ms)
WHERE e.at_ms >= :from_ms AND e.at_ms < :until_ms;

-- name: usage_report_moves
-- What was moved into and out of balances since a time, in order; accounts: a JSON array.
SELECT e.at_ms, e.kind, e.account, e.bag, e.available, e.actor_name, e.reason
FROM json_each(:accounts) AS a
JOIN quota_entry AS e ON e.account = a.value
     AND e.id > (SELECT coalesce(max(entry), 0) FROM quota_checkpoint WHERE at_ms <= :from_ms)
WHERE e.kind IN ('grant', 'allocate', 'return', 'adjust', 'expire') AND e.at_ms >= :from_ms
ORDER BY e.id;

-- name: usage_report_insert
-- order: 67
-- The number is given at the commit: no gap, none twice. rows: id, account, series, first_day,
-- last_day, language, is_scheduled, addressees, formats, due_ms, asked_by, created_ms
INSERT INTO usage_report (id, account, series, number, first_day, last_day, language, is_scheduled,
                          addressees, formats, state, due_ms, asked_by, created_ms)
SELECT value->>0, value->>1, value->>2,
       (SELECT coalesce(max(number), 0) FROM usage_report WHERE series = value->>2) + 1
         + (SELECT count(*) FROM json_each(:rows) AS o
            WHERE o.key < json_each.key AND o.value->>2 = json_each.value->>2),
       value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, 'waiting', value->>9,
       value->>10, value->>11
FROM json_each(:rows) WHERE true
ON CONFLICT DO NOTHING;

-- name: usage_report_state
-- order: 68
-- rows: id, state, attempts, due_ms, error
UPDATE usage_report
SET state = v.state, attempts = v.attempts, due_ms = v.due_ms, error = v.error
FROM (SELECT value->>0 AS id, value->>1 AS state, value->>2 AS attempts, value->>3 AS due_ms,
             value->>4 AS error FROM json_each(:rows)) AS v
WHERE usage_report.id = v.id AND usage_report.state <> 'done';

-- name: usage_report_done
-- order: 72
-- rows: id, done_ms, digest
UPDATE usage_report SET state = 'done', error = '', done_ms = v.done_ms, digest = v.digest
FROM (SELECT value->>0 AS id, value->>1 AS done_ms, value->>2 AS digest
      FROM json_each(:rows)) AS v
WHERE usage_report.id = v.id AND usage_report.state <> 'done';

-- name: usage_report_mailed
-- order: 73
-- rows: id, addressees, mailed_ms, mail_error
UPDATE usage_report
SET addressees = v.addressees, mailed_ms = v.mailed_ms, mail_error = v.mail_error
FROM (SELECT value->>0 AS id, value->>1 AS addressees, value->>2 AS mailed_ms,
             value->>3 AS mail_error FROM json_each(:rows)) AS v
WHERE usage_report.id = v.id;

-- name: usage_report_file_put
-- order: 70
-- rows: report, format, size, parts, sha256
INSERT INTO usage_report_file (report, format, size, parts, sha256)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(:rows) WHERE true
ON CONFLICT (report, format) DO UPDATE
SET size = excluded.size, parts = excluded.parts, sha256 = excluded.sha256;

-- name: usage_report_part_put
-- order: 71
-- rows: report, format, number, data
INSERT INTO usage_report_part (report, format, number, data)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows) WHERE true
ON CONFLICT (report, format, number) DO UPDATE SET data = excluded.data;

-- name: usage_report_part_clear
-- order: 69
-- What an attempt that failed left behind. rows: report
DELETE FROM usage_report_part WHERE report IN (SELECT value->>0 FROM json_each(:rows));

-- name: usage_schedule_put
-- order: 74
-- rows: account, is_on, language, addressees, formats, since_ms
INSERT INTO usage_schedule (account, is_on, language, addressees, formats, since_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5
FROM json_each(:rows) WHERE true
ON CONFLICT (account) DO UPDATE
SET is_on = excluded.is_on, language = excluded.language, addressees = excluded.addressees,
    formats = excluded.formats, since_ms = excluded.since_ms;
