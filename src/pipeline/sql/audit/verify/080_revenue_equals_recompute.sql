-- every published figure equals a recompute from scratch, windows that are due again aside
-- mended by: rebuild --apply, analytics
-- It says for itself which diagnosis of a patient is the first: a fault in schema/repeatable/210_figures must not hide itself.
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

first_diagnosis AS MATERIALIZED (
    SELECT
        d.patient_id,
        s.category,
        staging.moment(min(d.tsp)) AS tsp
    FROM settled_code AS s
    INNER JOIN diagnose AS d ON s.icd10_code = d.icd10_code
    WHERE d.patient_id = any(array(SELECT DISTINCT c.patient_id FROM claim_in_window AS c))
    GROUP BY d.patient_id, s.category
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
    SELECT DISTINCT c.window_start
    FROM claim_in_window AS c
),

expected AS (
    SELECT
        w.window_start,
        s.category,
        coalesce(r.revenue, 0)::numeric(30, 2) AS revenue,
        coalesce(r.claims, 0) AS claims,
        coalesce(r.patients, 0) AS patients
    FROM window_with_claim AS w
    CROSS JOIN settled_category AS s
    LEFT JOIN revenue_of_diagnosed AS r ON w.window_start = r.window_start AND s.category = r.category
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
