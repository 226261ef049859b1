-- One row per window and category in which somebody diagnosed has a claim: the figures, and nothing else.
CREATE TABLE bare_figures AS
WITH first_diagnosis AS (
    SELECT
        d.patient_id,
        t.category,
        min(d.tsp) AS tsp
    FROM diagnose AS d
    INNER JOIN analytics.tracked_diagnosis AS t ON d.icd10_code = t.icd10_code
    GROUP BY d.patient_id, t.category
),

claim_in_window AS (
    SELECT
        c.*,
        date_bin('10 minutes', c.tsp, timestamptz 'epoch') AS window_start
    FROM claim AS c
    WHERE c.tsp < %(until)s
)

SELECT
    c.window_start,
    f.category,
    sum(c.price) AS revenue,
    count(*) AS claims,
    count(DISTINCT c.patient_id) AS patients
FROM claim_in_window AS c
INNER JOIN first_diagnosis AS f ON c.patient_id = f.patient_id AND c.window_start + interval '10 minutes' > f.tsp
GROUP BY c.window_start, f.category
