-- What stop rules count.

-- name: campaign_tally_add
-- order: 126
-- Of flows of campaigns only. rows: flow, delivery, kind
INSERT INTO campaign_tally (flow, site, kind, n)
SELECT v.flow, coalesce((SELECT d.site FROM delivery AS d WHERE d.id = v.delivery), 0), v.kind,
       count(*)
FROM (SELECT value->>0 AS flow, value->>1 AS delivery, value->>2 AS kind
      FROM json_each(:rows)) AS v
WHERE EXISTS (SELECT 1 FROM flow AS f WHERE f.id = v.flow AND f.kind = 'campaign')
GROUP BY 1, 2, 3
ON CONFLICT (flow, site, kind) DO UPDATE SET n = n + excluded.n;

-- name: campaign_tallies
SELECT site, kind, n FROM campaign_tally WHERE flow = :flow;
