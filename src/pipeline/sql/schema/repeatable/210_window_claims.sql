-- audit.window_claims: one row per window, category and claim that counts for it: how a published figure comes about.
-- The linter would break the line before LATERAL.
-- noqa: disable=LT02
DROP VIEW IF EXISTS audit.window_claims;

CREATE VIEW audit.window_claims AS
SELECT
    r.window_start,
    r.category,
    c.id AS claim_id,
    c.price,
    c.patient_id,
    diagnosis.id AS diagnose_id,
    diagnosis.icd10_code,
    diagnosis.tsp AS diagnosed_at,
    c.tsp AS claimed_at,
    (
        SELECT o.seq
        FROM staging.outcome AS o
        WHERE o.stream = 'claim' AND o.entity_id = c.id AND o.fate = 'merged'
        LIMIT 1
    ) AS seq,
    r.revenue AS figure,
    r.quality_run_id
FROM analytics.revenue_by_diagnosis AS r
-- The bounds find a window's claims by their index, the equation a claim's window by its key.
INNER JOIN claim AS c
    ON
        r.window_start <= c.tsp
        AND analytics.window_end(r.window_start) > c.tsp
        AND r.window_start = analytics.window_start(c.tsp)
-- The patient's first diagnosis of the category by the end of the window; of each code an index knows the first.
CROSS JOIN LATERAL (
    SELECT
        first.id,
        first.icd10_code,
        first.tsp
    FROM analytics.tracked_diagnosis AS t
    CROSS JOIN LATERAL (
        SELECT
            d.id,
            d.icd10_code,
            d.tsp
        FROM diagnose AS d
        WHERE
            d.icd10_code = t.icd10_code
            AND d.patient_id = c.patient_id
            AND d.tsp < analytics.window_end(r.window_start)
        ORDER BY d.tsp, d.id
        LIMIT 1
    ) AS first
    WHERE t.category = r.category
    ORDER BY first.tsp, first.id
    LIMIT 1
) AS diagnosis
ORDER BY r.window_start DESC, r.category ASC, c.id ASC;

COMMENT ON VIEW audit.window_claims IS
'One row per window, category and claim that counts for it, the newest window first: how a published figure comes about.';
COMMENT ON COLUMN audit.window_claims.window_start IS
'Start of the window (UTC); it ends, exclusive, a window''s length later. A filter on it is quick.';
COMMENT ON COLUMN audit.window_claims.category IS 'The category that the claim counts for.';
COMMENT ON COLUMN audit.window_claims.claim_id IS 'The claim.';
COMMENT ON COLUMN audit.window_claims.price IS 'Its price: what it adds to the figure.';
COMMENT ON COLUMN audit.window_claims.patient_id IS 'The patient it was done for.';
COMMENT ON COLUMN audit.window_claims.diagnose_id IS 'Why it counts: the patient''s first diagnosis of the category, made by the end of the window.';
COMMENT ON COLUMN audit.window_claims.icd10_code IS 'Code of that diagnosis.';
COMMENT ON COLUMN audit.window_claims.diagnosed_at IS 'Time of that diagnosis.';
COMMENT ON COLUMN audit.window_claims.claimed_at IS 'Time of the claim: it lies in the window.';
COMMENT ON COLUMN audit.window_claims.seq IS 'The raw row that the claim was merged from; empty where it did not come from staging.';
COMMENT ON COLUMN audit.window_claims.figure IS
'The revenue that is published of the window and category: the sum of the prices, unless the window is due to be computed again.';
COMMENT ON COLUMN audit.window_claims.quality_run_id IS 'The analytics run that computed and checked the figure.';
