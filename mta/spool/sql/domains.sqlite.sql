-- Which domains wait for their site; a file of its own, because engines have to be told differently
-- which index leads there.

-- name: unresolved_domains
-- Domains with ready rows at site 0: a loose scan.
WITH RECURSIVE s(domain) AS (
    SELECT domain FROM (SELECT domain FROM delivery INDEXED BY delivery_unresolved
                        WHERE site = 0 AND state = 1
                        ORDER BY domain LIMIT 1)
    UNION ALL
    SELECT (SELECT d.domain FROM delivery AS d INDEXED BY delivery_unresolved
            WHERE d.site = 0 AND d.state = 1 AND d.domain > s.domain ORDER BY d.domain LIMIT 1)
    FROM s WHERE s.domain IS NOT NULL
)
SELECT domain FROM s WHERE domain IS NOT NULL LIMIT :count;
