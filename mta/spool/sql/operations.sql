-- What operators ask of the queue and do to it, and what is set up at start.

-- name: flow_ensure
-- order: 3
-- A flow that this process made, unless it is there; one whose name is taken gets its id added.
-- rows: id, account, name, kind, class, created_ms
INSERT INTO flow (id, account, name, kind, class, created_ms)
SELECT v.id, v.account,
       CASE WHEN EXISTS (SELECT 1 FROM flow AS f WHERE f.account = v.account AND f.class = v.class
                         AND f.name = v.name AND f.id <> v.id)
            THEN v.name || ' ' || v.id ELSE v.name END,
       v.kind, v.class, v.created_ms
FROM (SELECT DISTINCT value->>0 AS id, value->>1 AS account, value->>2 AS name, value->>3 AS kind,
             value->>4 AS class, value->>5 AS created_ms FROM json_each(:rows)) AS v
WHERE true
ON CONFLICT (id) DO NOTHING;

-- name: flows_of_kind
SELECT id, account, name, kind, class, gate, gate_reason, held_since_ms, held_ms, not_before_ms,
       end_ms, rate_per_hour
FROM flow WHERE kind = :kind ORDER BY id;
