-- every published figure equals a recompute from scratch, windows that are due again aside
WITH settled_category AS (
    SELECT DISTINCT t.category
    FROM analytics.tracked_diagnosis AS t
    WHERE t.backfilled_at IS NOT NULL
),

claim_with_window AS (
    SELECT
        c.id,
        c.price,
        c.patient_id,
        date_bin('10 minutes', c.tsp, timestamptz 'epoch') AS window_start
    FROM claim AS c
),

first_diagnosis AS (
    SELECT
        d.patient_id,
        t.category,
        min(d.tsp) AS tsp
    FROM diagnose AS d
    INNER JOIN analytics.tracked_diagnosis AS t ON d.icd10_code = t.icd10_code
    WHERE t.backfilled_at IS NOT NULL
    GROUP BY d.patient_id, t.category
),

claim_with_category AS (
    SELECT
        c.window_start,
        s.category,
        c.price,
        c.patient_id,
        coalesce(f.tsp < c.window_start + interval '10 minutes', FALSE) AS is_diagnosed
    FROM claim_with_window AS c
    CROSS JOIN settled_category AS s
    LEFT JOIN first_diagnosis AS f ON c.patient_id = f.patient_id AND s.category = f.category
),

expected AS (
    SELECT
        c.window_start,
        c.category,
        coalesce(sum(c.price) FILTER (WHERE c.is_diagnosed), 0) AS revenue,
        count(*) FILTER (WHERE c.is_diagnosed) AS claims,
        count(DISTINCT c.patient_id) FILTER (WHERE c.is_diagnosed) AS patients
    FROM claim_with_category AS c
    WHERE c.window_start IN (SELECT r.window_start FROM analytics.revenue_by_diagnosis AS r)
    GROUP BY c.window_start, c.category
),

published AS (
    SELECT
        r.window_start,
        r.category,
        r.revenue,
        r.claims,
        r.patients
    FROM analytics.revenue_by_diagnosis AS r
    -- A category that is no longer tracked stays as it was published.
    WHERE r.category IN (SELECT s.category FROM settled_category AS s)
),

not_published AS (
    SELECT * FROM expected
    EXCEPT
    SELECT * FROM published
),

not_expected AS (
    SELECT * FROM published
    EXCEPT
    SELECT * FROM expected
),

difference AS (
    SELECT
        n.*,
        'expected' AS figure
    FROM not_published AS n
    UNION ALL
    SELECT
        n.*,
        'published' AS figure
    FROM not_expected AS n
)

SELECT
    d.window_start,
    d.category,
    d.figure,
    d.revenue,
    d.claims,
    d.patients
FROM difference AS d
WHERE d.window_start NOT IN (SELECT m.window_start FROM analytics.dirty_window AS m)
ORDER BY d.window_start, d.category, d.figure
