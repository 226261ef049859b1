-- One row per window with a claim, if a tracked diagnosis was added since the last run: all these windows are marked.
WITH new_code AS (
    UPDATE analytics.tracked_diagnosis
    SET backfilled_at = now()
    WHERE backfilled_at IS NULL
    RETURNING icd10_code
)

INSERT INTO analytics.dirty_window (window_start)
SELECT DISTINCT analytics.window_start(c.tsp) AS window_start
FROM claim AS c
WHERE EXISTS (SELECT FROM new_code)
ORDER BY window_start
