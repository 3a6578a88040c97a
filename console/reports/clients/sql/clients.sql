-- Programs and devices.

-- name: client_open_add
-- order: 68
-- Counted once more. rows: flow, client, device, is_auto, n
INSERT INTO client_open (flow, client, device, is_auto, n)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(:rows) WHERE true
ON CONFLICT (flow, client, device, is_auto) DO UPDATE SET n = client_open.n + excluded.n;

-- name: client_opens
-- Of one flow: client, device, opens; with :automatic those of machines too.
SELECT client, device, sum(n) FROM client_open
WHERE flow = :flow AND (:automatic OR is_auto = 0) GROUP BY client, device ORDER BY 3 DESC;
