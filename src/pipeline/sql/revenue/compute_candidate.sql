-- One row per due window and category: what a job run at the end of the window would have said.
-- noqa: disable=RF02
WITH due_window AS MATERIALIZED (
    SELECT
        d.window_start,
        analytics.window_end(d.window_start) AS window_end,
        max(d.mark_id) AS mark_id
    FROM analytics.dirty_window AS d
    WHERE
        analytics.window_end(d.window_start) <= %(now)s
        AND d.window_start >= analytics.window_start(%(since)s)
        AND d.window_start < %(until)s
    GROUP BY d.window_start
),

claim_in_window AS MATERIALIZED (
    SELECT
        w.window_start,
        w.window_end,
        c.price,
        c.patient_id
    FROM due_window AS w
    INNER JOIN claim AS c ON w.window_start <= c.tsp AND w.window_end > c.tsp
    WHERE c.tsp >= analytics.window_start(%(since)s) AND c.tsp < %(until)s
),

patient_in_window AS (
    SELECT DISTINCT c.patient_id
    FROM claim_in_window AS c
),

-- A scalar subquery, because that reads one index entry however often the patient was diagnosed.
first_diagnosis_of_code AS (
    SELECT
        p.patient_id,
        t.category,
        (
            SELECT min(d.tsp)
            FROM diagnose AS d
            WHERE d.icd10_code = t.icd10_code AND d.patient_id = p.patient_id
        ) AS tsp
    FROM patient_in_window AS p
    CROSS JOIN analytics.tracked_diagnosis AS t
),

first_diagnosis AS MATERIALIZED (
    SELECT
        f.patient_id,
        f.category,
        min(f.tsp) AS tsp
    FROM first_diagnosis_of_code AS f
    WHERE f.tsp IS NOT NULL
    GROUP BY f.patient_id, f.category
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
    SELECT
        w.window_start,
        w.mark_id
    FROM due_window AS w
    WHERE EXISTS (
        SELECT FROM claim AS c
        WHERE c.tsp >= w.window_start AND c.tsp < w.window_end
    )
),

tracked_category AS (
    SELECT DISTINCT t.category
    FROM analytics.tracked_diagnosis AS t
)

INSERT INTO analytics.revenue_candidate (quality_run_id, window_start, category, revenue, claims, patients, mark_id)
SELECT
    %(quality_run_id)s::bigint AS quality_run_id,
    w.window_start,
    t.category,
    coalesce(r.revenue, 0) AS revenue,
    coalesce(r.claims, 0) AS claims,
    coalesce(r.patients, 0) AS patients,
    w.mark_id
FROM window_with_claim AS w
CROSS JOIN tracked_category AS t
LEFT JOIN revenue_of_diagnosed AS r ON w.window_start = r.window_start AND t.category = r.category
ORDER BY w.window_start, t.category
