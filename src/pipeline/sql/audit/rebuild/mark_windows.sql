-- One row per window whose figures a repair may change: marked, to be computed again.
WITH differing_claim AS (
    SELECT c.tsp
    FROM rebuilt_difference AS d
    INNER JOIN claim AS c ON d.id = c.id
    WHERE d.relation = 'claim'
    UNION ALL
    SELECT r.tsp
    FROM rebuilt_difference AS d
    INNER JOIN rebuilt_claim AS r ON d.id = r.id
    WHERE d.relation = 'claim'
),

differing_diagnosis AS (
    SELECT
        c.icd10_code,
        c.patient_id,
        c.tsp
    FROM rebuilt_difference AS d
    INNER JOIN diagnose AS c ON d.id = c.id
    WHERE d.relation = 'diagnose'
    UNION ALL
    SELECT
        r.icd10_code,
        r.patient_id,
        r.tsp
    FROM rebuilt_difference AS d
    INNER JOIN rebuilt_diagnose AS r ON d.id = r.id
    WHERE d.relation = 'diagnose'
),

concerned_patient AS (
    SELECT
        d.patient_id,
        analytics.window_start(min(d.tsp)) AS since
    FROM differing_diagnosis AS d
    INNER JOIN analytics.tracked_diagnosis AS t ON d.icd10_code = t.icd10_code
    GROUP BY d.patient_id
),

concerned_claim AS (
    SELECT d.tsp
    FROM differing_claim AS d
    UNION ALL
    SELECT r.tsp
    FROM concerned_patient AS p
    INNER JOIN rebuilt_claim AS r ON p.patient_id = r.patient_id AND p.since <= r.tsp
)

INSERT INTO analytics.dirty_window (window_start)
SELECT DISTINCT analytics.window_start(c.tsp) AS window_start
FROM concerned_claim AS c
ORDER BY window_start
RETURNING window_start
