-- One row per claim in the windows.
SELECT
    c.id,
    c.code,
    c.price,
    c.patient_id,
    c.tsp,
    w.window_start
FROM unnest(%(windows)s::timestamptz[]) AS w (window_start)
INNER JOIN claim AS c ON w.window_start <= c.tsp AND w.window_start + interval '10 minutes' > c.tsp
