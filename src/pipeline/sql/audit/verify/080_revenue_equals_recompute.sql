-- every published figure equals a recompute from scratch, windows that are due again aside
-- mended by: rebuild --apply, analytics
-- It says for itself which diagnosis of a patient is the first: a fault in revenue/first_diagnosis.jinja must not hide itself.
-- The next analytics run takes in the categories that were changed: until then nothing is said of them.
WITH changed_category AS (
    SELECT DISTINCT c.category
    FROM analytics.counted_diagnosis AS c
    WHERE c.is_tracked <> c.is_backfilled
),

settled_code AS (
    SELECT
        t.icd10_code,
        t.category
    FROM analytics.tracked_diagnosis AS t
    WHERE t.category NOT IN (SELECT c.category FROM changed_category AS c)
),

settled_category AS (
    SELECT DISTINCT s.category
    FROM settled_code AS s
),

checked_window AS MATERIALIZED (
    SELECT DISTINCT
        r.window_start,
        analytics.window_end(r.window_start) AS window_end
    FROM analytics.revenue_by_diagnosis AS r
    WHERE
        (r.window_start >= %(first_window)s OR r.published_at >= %(published_since)s)
        AND NOT EXISTS (
            SELECT FROM analytics.dirty_window AS m
            WHERE m.window_start = r.window_start
        )
),

claim_in_window AS MATERIALIZED (
    SELECT
        w.window_start,
        w.window_end,
        c.price,
        c.patient_id
    FROM checked_window AS w
    INNER JOIN claim AS c
        ON staging.as_tsp(w.window_start, c.tsp) <= c.tsp AND staging.as_tsp(w.window_end, c.tsp) > c.tsp
    WHERE w.window_start = analytics.window_start(w.window_start)
),

patient_in_window AS (
    SELECT DISTINCT c.patient_id
    FROM claim_in_window AS c
),

-- A scalar subquery, because that reads one index entry however often the patient was diagnosed.
first_diagnosis_of_code AS (
    SELECT
        p.patient_id,
        s.category,
        (
            SELECT staging.moment(min(d.tsp))
            FROM diagnose AS d
            WHERE d.icd10_code = s.icd10_code AND d.patient_id = p.patient_id
        ) AS tsp
    FROM patient_in_window AS p
    CROSS JOIN settled_code AS s
),

first_diagnosis AS (
    SELECT
        f.patient_id,
        f.category,
        min(f.tsp) AS tsp
    FROM first_diagnosis_of_code AS f
    GROUP BY f.patient_id, f.category
),

claim_with_category AS (
    SELECT
        c.window_start,
        s.category,
        c.price,
        c.patient_id,
        coalesce(f.tsp < c.window_end, FALSE) AS is_diagnosed
    FROM claim_in_window AS c
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
    GROUP BY c.window_start, c.category
),

published AS (
    SELECT
        r.window_start,
        r.category,
        r.revenue,
        r.claims,
        r.patients
    FROM checked_window AS w
    INNER JOIN analytics.revenue_by_diagnosis AS r ON w.window_start = r.window_start
    WHERE r.category NOT IN (SELECT c.category FROM changed_category AS c)
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
)

SELECT
    n.window_start,
    n.category,
    'expected' AS figure,
    n.revenue,
    n.claims,
    n.patients
FROM not_published AS n
UNION ALL
SELECT
    n.window_start,
    n.category,
    'published' AS figure,
    n.revenue,
    n.claims,
    n.patients
FROM not_expected AS n
ORDER BY window_start, category, figure
