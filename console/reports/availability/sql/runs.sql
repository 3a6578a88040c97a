-- When the service ran.

-- name: service_runs
-- Those that reach into a time, and the one before it, in order.
SELECT began_ms, beat_ms, ended_ms FROM service_run
WHERE began_ms >= (SELECT coalesce(max(began_ms), 0) FROM service_run WHERE began_ms <= :from_ms)
  AND began_ms < :until_ms
ORDER BY began_ms;

-- name: service_run_first
SELECT coalesce(min(began_ms), 0) FROM service_run;

-- name: service_run_begin
-- order: 67
-- rows: began_ms
INSERT INTO service_run (began_ms, beat_ms) SELECT value->>0, value->>0
FROM json_each(:rows) WHERE true ON CONFLICT DO NOTHING;

-- name: service_run_beat
-- order: 68
-- rows: began_ms, beat_ms, ended_ms
UPDATE service_run SET beat_ms = v.beat_ms, ended_ms = v.ended_ms
FROM (SELECT value->>0 AS began_ms, value->>1 AS beat_ms, value->>2 AS ended_ms
      FROM json_each(:rows)) AS v
WHERE service_run.began_ms = v.began_ms;
