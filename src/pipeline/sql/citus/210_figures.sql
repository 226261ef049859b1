-- Instead of schema/repeatable/210_figures: a cluster can't look a value up in a spread table for each row, nor read one recursively.
DROP VIEW IF EXISTS audit.window_claims, audit.counted_claim;

-- analytics.first_diagnosis: one row per patient of the list and category that is computed: when the patient was first diagnosed with it.
-- Each worker reads the diagnoses of these patients that it has.
CREATE OR REPLACE FUNCTION analytics.first_diagnosis(patient_ids bigint[])
RETURNS TABLE (patient_id bigint, category text, tsp timestamptz)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT
        d.patient_id,
        b.category,
        staging.moment(min(d.tsp)) AS tsp
    FROM analytics.backfilled_diagnosis AS b
    INNER JOIN diagnose AS d ON b.icd10_code = d.icd10_code
    WHERE d.patient_id = any(patient_ids)
    GROUP BY d.patient_id, b.category;
END
$$;

-- analytics.counting_diagnosis: one row per patient of the list and category that is tracked: the patient's first diagnosis of it before a
-- time; of two at the same time, the one with the lower id.
CREATE OR REPLACE FUNCTION analytics.counting_diagnosis(patient_ids bigint[], before timestamptz)
RETURNS TABLE (patient_id bigint, category text, id bigint, icd10_code text, tsp timestamptz)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (d.patient_id, t.category)
        d.patient_id,
        t.category,
        d.id,
        d.icd10_code,
        staging.moment(d.tsp) AS tsp
    FROM diagnose AS d
    INNER JOIN analytics.tracked_diagnosis AS t ON d.icd10_code = t.icd10_code
    WHERE d.patient_id = any(patient_ids) AND d.tsp < staging.as_tsp(before, d.tsp)
    ORDER BY d.patient_id ASC, t.category ASC, d.tsp ASC, d.id ASC;
END
$$;

-- analytics.claimed_window: one row per window between the bounds that has a claim.
CREATE OR REPLACE FUNCTION analytics.claimed_window(since timestamptz, until timestamptz)
RETURNS TABLE (window_start timestamptz)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT analytics.window_start(c.tsp) AS start_of_claim
    FROM claim AS c
    WHERE
        c.tsp >= staging.as_tsp(analytics.window_start(since), c.tsp)
        AND analytics.window_start(c.tsp) < until
    GROUP BY start_of_claim
    ORDER BY start_of_claim;
END
$$;

COMMENT ON FUNCTION analytics.first_diagnosis(bigint[]) IS
'One row per patient of the list and category that is computed: when the patient was first diagnosed with it.';
COMMENT ON FUNCTION analytics.counting_diagnosis(bigint[], timestamptz) IS
'One row per patient of the list and tracked category: the patient''s first diagnosis of it, made before a time.';
COMMENT ON FUNCTION analytics.claimed_window(timestamptz, timestamptz) IS
'One row per window between the bounds that has a claim, in order; the first one is that of the lower bound.';

-- audit.counted_claim: one row per published window, category and claim that counts for it.
CREATE VIEW audit.counted_claim AS
WITH first_diagnosis AS MATERIALIZED (
    SELECT DISTINCT ON (d.patient_id, t.category)
        d.patient_id,
        t.category,
        d.id,
        d.icd10_code,
        staging.moment(d.tsp) AS tsp
    FROM diagnose AS d
    INNER JOIN analytics.tracked_diagnosis AS t ON d.icd10_code = t.icd10_code
    ORDER BY d.patient_id ASC, t.category ASC, d.tsp ASC, d.id ASC
)

SELECT
    r.window_start,
    r.category,
    c.id AS claim_id,
    c.price,
    c.patient_id,
    f.id AS diagnose_id,
    f.icd10_code,
    f.tsp AS diagnosed_at,
    staging.moment(c.tsp) AS claimed_at,
    r.revenue AS figure,
    r.quality_run_id
FROM analytics.revenue_by_diagnosis AS r
INNER JOIN claim AS c
    ON
        staging.as_tsp(r.window_start, c.tsp) <= c.tsp
        AND staging.as_tsp(analytics.window_end(r.window_start), c.tsp) > c.tsp
        AND r.window_start = analytics.window_start(c.tsp)
INNER JOIN first_diagnosis AS f
    ON
        c.patient_id = f.patient_id
        AND r.category = f.category
        AND f.tsp < analytics.window_end(r.window_start);

COMMENT ON VIEW audit.counted_claim IS
'One row per published window, category and claim that counts for it: what window_claims and the views by office are made of.';
COMMENT ON COLUMN audit.counted_claim.window_start IS 'Start of the window (UTC).';
COMMENT ON COLUMN audit.counted_claim.category IS 'The category that the claim counts for.';
COMMENT ON COLUMN audit.counted_claim.claim_id IS 'The claim.';
COMMENT ON COLUMN audit.counted_claim.price IS 'Its price.';
COMMENT ON COLUMN audit.counted_claim.patient_id IS 'The patient it was done for.';
COMMENT ON COLUMN audit.counted_claim.diagnose_id IS 'The patient''s first diagnosis of the category.';
COMMENT ON COLUMN audit.counted_claim.icd10_code IS 'Code of that diagnosis.';
COMMENT ON COLUMN audit.counted_claim.diagnosed_at IS 'Time of that diagnosis.';
COMMENT ON COLUMN audit.counted_claim.claimed_at IS 'Time of the claim.';
COMMENT ON COLUMN audit.counted_claim.figure IS 'The published revenue of the window and category.';
COMMENT ON COLUMN audit.counted_claim.quality_run_id IS 'The analytics run that computed the figure.';

-- audit.window_claims: one row per window, category and claim that counts for it: how a published figure comes about.
CREATE VIEW audit.window_claims AS
WITH raw_row AS MATERIALIZED (
    SELECT
        o.entity_id,
        min(o.seq) AS seq
    FROM staging.outcome AS o
    WHERE o.stream = 'claim' AND o.fate = 'merged'
    GROUP BY o.entity_id
)

SELECT
    c.window_start,
    c.category,
    c.claim_id,
    c.price,
    c.patient_id,
    c.diagnose_id,
    c.icd10_code,
    c.diagnosed_at,
    c.claimed_at,
    o.seq,
    c.figure,
    c.quality_run_id
FROM audit.counted_claim AS c
LEFT JOIN raw_row AS o ON c.claim_id = o.entity_id
ORDER BY c.window_start DESC, c.category ASC, c.claim_id ASC;

COMMENT ON VIEW audit.window_claims IS
'One row per window, category and claim that counts for it, the newest window first: how a published figure comes about.';
COMMENT ON COLUMN audit.window_claims.window_start IS
'Start of the window (UTC); it ends a window''s length later. A filter on it is quick.';
COMMENT ON COLUMN audit.window_claims.category IS 'The category that the claim counts for.';
COMMENT ON COLUMN audit.window_claims.claim_id IS 'The claim.';
COMMENT ON COLUMN audit.window_claims.price IS 'Its price: what it adds to the figure.';
COMMENT ON COLUMN audit.window_claims.patient_id IS 'The patient it was done for.';
COMMENT ON COLUMN audit.window_claims.diagnose_id IS 'Why it counts: the patient''s first diagnosis of the category, made by the end of the window.';
COMMENT ON COLUMN audit.window_claims.icd10_code IS 'Code of that diagnosis.';
COMMENT ON COLUMN audit.window_claims.diagnosed_at IS 'Time of that diagnosis.';
COMMENT ON COLUMN audit.window_claims.claimed_at IS 'Time of the claim: it lies in the window.';
COMMENT ON COLUMN audit.window_claims.seq IS 'The raw row that the claim was merged from; empty if it did not come from staging.';
COMMENT ON COLUMN audit.window_claims.figure IS
'The published revenue of the window and category: the sum of the prices, unless the window is due.';
COMMENT ON COLUMN audit.window_claims.quality_run_id IS 'The analytics run that computed and checked the figure.';
