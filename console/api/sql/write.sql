-- What the API keeps of its own.

-- name: api_answer_begin
-- order: 6
-- Claim a key; one that exists makes the job fail its guard. rows: account, key, request, digest,
-- status, body, created_ms
INSERT INTO api_answer (account, key, request, digest, status, body, created_ms)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows) WHERE true
ON CONFLICT (account, key) DO NOTHING;

-- name: api_answer_end
-- order: 7
-- The answer of a request that was begun. rows: account, key, status, body
UPDATE api_answer SET status = v.status, body = v.body
FROM (SELECT value->>0 AS account, value->>1 AS key, value->>2 AS status, value->>3 AS body
      FROM json_each(:rows)) AS v
WHERE api_answer.account = v.account AND api_answer.key = v.key;

-- name: api_answer_delete
-- order: 8
-- rows: account, key
DELETE FROM api_answer
WHERE (account, key) IN (SELECT value->>0, value->>1 FROM json_each(:rows));
