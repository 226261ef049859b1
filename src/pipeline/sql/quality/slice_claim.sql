-- One row per claim in the windows, all of which are within the bounds.
-- noqa: disable=RF02
SELECT
    c.id,
    c.code,
    c.price,
    c.patient_id,
    c.tsp,
    w.window_start
FROM unnest(%(windows)s::timestamptz[]) AS w (window_start)
INNER JOIN claim AS c ON w.window_start <= c.tsp AND analytics.window_end(w.window_start) > c.tsp
WHERE c.tsp >= %(since)s AND c.tsp < %(until)s
