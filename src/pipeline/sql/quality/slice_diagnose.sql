-- One row per diagnosis in the windows, all of which are within the bounds.
-- noqa: disable=RF02
SELECT
    d.id,
    d.icd10_code,
    d.patient_id,
    d.tsp,
    w.window_start
FROM unnest(%(windows)s::timestamptz[]) AS w (window_start)
INNER JOIN diagnose AS d ON w.window_start <= d.tsp AND analytics.window_end(w.window_start) > d.tsp
WHERE d.tsp >= %(since)s AND d.tsp < %(until)s
