-- One row per due window and category: the figure that a run at the very end of the window would have computed.
-- noqa: disable=RF02
WITH due_window AS MATERIALIZED (
    SELECT
        d.window_start,
        analytics.window_end(d.window_start) AS window_end,
        max(d.mark_id) AS mark_id
    FROM analytics.dirty_window AS d
    WHERE
        d.window_start >= analytics.window_start(%(since)s)
        AND d.window_start < %(until)s
        AND analytics.window_end(d.window_start) <= %(now)s
        AND d.window_start = analytics.window_start(d.window_start)
    GROUP BY d.window_start
),

claim_in_window AS MATERIALIZED (
    SELECT
        w.window_start,
        w.window_end,
        w.mark_id,
        c.price,
        c.patient_id
    FROM due_window AS w
    INNER JOIN claim AS c
        ON staging.as_tsp(w.window_start, c.tsp) <= c.tsp AND staging.as_tsp(w.window_end, c.tsp) > c.tsp
    WHERE
        c.tsp >= staging.as_tsp(analytics.window_start(%(since)s), c.tsp)
        AND c.tsp < staging.as_tsp(%(until)s, c.tsp)
),

first_diagnosis AS MATERIALIZED (
    SELECT
        f.patient_id,
        f.category,
        f.tsp
    FROM analytics.first_diagnosis(array(SELECT DISTINCT c.patient_id FROM claim_in_window AS c)) AS f
),

revenue_of_diagnosed AS (
    SELECT
        c.window_start,
        f.category,
        sum(c.price) AS revenue,
        count(*) AS claims,
        count(DISTINCT c.patient_id) AS patients
    FROM claim_in_window AS c
    INNER JOIN first_diagnosis AS f ON c.patient_id = f.patient_id AND c.window_end > f.tsp
    GROUP BY c.window_start, f.category
),

window_with_claim AS (
    SELECT DISTINCT
        c.window_start,
        c.mark_id
    FROM claim_in_window AS c
),

-- The tracked diagnoses as this run has taken them in: a change that is made meanwhile is for the next one.
category_now AS (
    SELECT DISTINCT b.category
    FROM analytics.backfilled_diagnosis AS b
)

INSERT INTO analytics.revenue_candidate (quality_run_id, window_start, category, revenue, claims, patients, mark_id)
SELECT
    %(quality_run_id)s::bigint AS quality_run_id,
    w.window_start,
    n.category,
    -- On a cluster, a number of a step of its own takes no scale from the column.
    coalesce(r.revenue, 0)::numeric(30, 2) AS revenue,
    coalesce(r.claims, 0) AS claims,
    coalesce(r.patients, 0) AS patients,
    w.mark_id
FROM window_with_claim AS w
CROSS JOIN category_now AS n
LEFT JOIN revenue_of_diagnosed AS r ON w.window_start = r.window_start AND n.category = r.category
ORDER BY w.window_start, n.category
