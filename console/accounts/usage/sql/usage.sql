-- Use of the doors.

-- name: usage_add
-- order: 60
-- Counted since the last time, added to the day's row. rows: day, account, credential, door,
-- requests, accepted, rejected, errors, recipients, refused, b0 … b15
INSERT INTO door_usage (day, account, credential, door,
                        requests, accepted, rejected, errors, recipients, refused, b0, b1, b2,
                        b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15)
SELECT value->>0, value->>1, value->>2, value->>3,
       value->>4, value->>5, value->>6, value->>7, value->>8, value->>9, value->>10,
       value->>11, value->>12, value->>13, value->>14, value->>15, value->>16, value->>17,
       value->>18, value->>19, value->>20, value->>21, value->>22, value->>23, value->>24,
       value->>25
FROM json_each(:rows) WHERE true
ON CONFLICT (day, account, credential, door) DO UPDATE SET
    requests = door_usage.requests + excluded.requests, accepted = door_usage.accepted + excluded.accepted,
    rejected = door_usage.rejected + excluded.rejected, errors = door_usage.errors + excluded.errors,
    recipients = door_usage.recipients + excluded.recipients, refused = door_usage.refused + excluded.refused,
    b0 = door_usage.b0 + excluded.b0, b1 = door_usage.b1 + excluded.b1,
    b2 = door_usage.b2 + excluded.b2, b3 = door_usage.b3 + excluded.b3,
    b4 = door_usage.b4 + excluded.b4, b5 = door_usage.b5 + excluded.b5,
    b6 = door_usage.b6 + excluded.b6, b7 = door_usage.b7 + excluded.b7,
    b8 = door_usage.b8 + excluded.b8, b9 = door_usage.b9 + excluded.b9,
    b10 = door_usage.b10 + excluded.b10, b11 = door_usage.b11 + excluded.b11,
    b12 = door_usage.b12 + excluded.b12, b13 = door_usage.b13 + excluded.b13,
    b14 = door_usage.b14 + excluded.b14, b15 = door_usage.b15 + excluded.b15;

-- name: usage_between
-- Sums from the day :first to the day :last of the accounts in :accounts (a JSON array; NULL: of
-- all), of the credential :credential (NULL: of all), grouped by the
-- first :day_length characters of the day (10: days, 7: months, 0: not), and by account, credential
-- and door where that is 1.
SELECT substr(u.day, 1, :day_length) AS day,
       CASE WHEN :by_account THEN u.account END AS account,
       CASE WHEN :by_credential THEN u.credential END AS credential,
       CASE WHEN :by_door THEN u.door END AS door,
       CASE WHEN :by_account THEN max(a.name) END AS account_name,
       CASE WHEN :by_credential THEN max(c.name) END AS credential_name,
       sum(u.requests), sum(u.accepted), sum(u.rejected), sum(u.errors), sum(u.recipients),
       sum(u.refused), sum(u.b0), sum(u.b1), sum(u.b2), sum(u.b3), sum(u.b4), sum(u.b5),
       sum(u.b6), sum(u.b7), sum(u.b8), sum(u.b9), sum(u.b10), sum(u.b11), sum(u.b12),
       sum(u.b13), sum(u.b14), sum(u.b15)
FROM door_usage AS u
LEFT JOIN account AS a ON a.id = u.account
LEFT JOIN credential AS c ON c.id = u.credential
WHERE u.day BETWEEN :first AND :last
  AND (:accounts IS NULL OR u.account IN (SELECT value FROM json_each(:accounts)))
  AND (:credential IS NULL OR u.credential = :credential)
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
LIMIT :limit;
