-- The views that tell what belongs to which office: number and id, where the tables have the key of both.
CREATE SCHEMA IF NOT EXISTS offices;
COMMENT ON SCHEMA offices IS 'What belongs to which office; the key in the tables is its number times 10^14 plus the id.';

CREATE OR REPLACE VIEW offices.claim AS
SELECT
    div(c.id, 100000000000000)::integer AS office,
    mod(c.id, 100000000000000) AS id,
    c.code,
    c.price,
    c.patient_id,
    c.tsp,
    c.id AS key
FROM claim AS c;

COMMENT ON VIEW offices.claim IS 'One row per clean claim, with its office.';
COMMENT ON COLUMN offices.claim.office IS 'Number of the office.';
COMMENT ON COLUMN offices.claim.id IS 'The id that the office gave it.';
COMMENT ON COLUMN offices.claim.code IS 'Code of the procedure.';
COMMENT ON COLUMN offices.claim.price IS 'Price.';
COMMENT ON COLUMN offices.claim.patient_id IS 'The patient.';
COMMENT ON COLUMN offices.claim.tsp IS 'When it happened.';
COMMENT ON COLUMN offices.claim.key IS 'Its id in the table claim, and entity_id in the audit; look one up by it.';

CREATE OR REPLACE VIEW offices.diagnose AS
SELECT
    div(d.id, 100000000000000)::integer AS office,
    mod(d.id, 100000000000000) AS id,
    d.icd10_code,
    d.patient_id,
    d.tsp,
    d.id AS key
FROM diagnose AS d;

COMMENT ON VIEW offices.diagnose IS 'One row per clean diagnosis, with its office.';
COMMENT ON COLUMN offices.diagnose.office IS 'Number of the office.';
COMMENT ON COLUMN offices.diagnose.id IS 'The id that the office gave it.';
COMMENT ON COLUMN offices.diagnose.icd10_code IS 'The ICD-10-CM code.';
COMMENT ON COLUMN offices.diagnose.patient_id IS 'The patient.';
COMMENT ON COLUMN offices.diagnose.tsp IS 'When it happened.';
COMMENT ON COLUMN offices.diagnose.key IS 'Its id in the table diagnose, and entity_id in the audit; look one up by it.';

CREATE OR REPLACE VIEW offices.reconciliation AS
SELECT
    o.stream,
    div(o.entity_id, 100000000000000)::integer AS office,
    count(*) AS decided,
    count(*) FILTER (WHERE o.fate = 'merged') AS merged,
    count(*) FILTER (WHERE o.fate = 'duplicate') AS duplicate,
    count(*) FILTER (WHERE o.fate = 'conflict') AS conflict,
    count(*) FILTER (WHERE o.fate = 'rejected') AS rejected
FROM staging.outcome AS o
GROUP BY o.stream, office;

COMMENT ON VIEW offices.reconciliation IS
'One row per stream and office: what became of its raw rows; without office, those of which it can''t be read.';
COMMENT ON COLUMN offices.reconciliation.stream IS 'The stream.';
COMMENT ON COLUMN offices.reconciliation.office IS 'Number of the office; empty where a raw row names none that is valid, or has no valid id.';
COMMENT ON COLUMN offices.reconciliation.decided IS 'Raw rows with an outcome.';
COMMENT ON COLUMN offices.reconciliation.merged IS 'Those that are clean rows.';
COMMENT ON COLUMN offices.reconciliation.duplicate IS 'Those that say again what the clean row says.';
COMMENT ON COLUMN offices.reconciliation.conflict IS 'Those that say something else than the clean row of their id.';
COMMENT ON COLUMN offices.reconciliation.rejected IS 'Those that break the contract.';

CREATE OR REPLACE VIEW offices.revenue AS
SELECT
    r.window_start,
    div(c.id, 100000000000000)::integer AS office,
    r.category,
    sum(c.price) AS revenue,
    count(*) AS claims,
    count(DISTINCT c.patient_id) AS patients
FROM analytics.revenue_by_diagnosis AS r
INNER JOIN claim AS c ON r.window_start <= c.tsp AND analytics.window_end(r.window_start) > c.tsp
WHERE
    EXISTS (
        SELECT FROM diagnose AS d
        INNER JOIN analytics.tracked_diagnosis AS t ON d.icd10_code = t.icd10_code
        WHERE
            t.category = r.category
            AND d.patient_id = c.patient_id
            AND d.tsp < analytics.window_end(r.window_start)
    )
GROUP BY r.window_start, office, r.category;

COMMENT ON VIEW offices.revenue IS
'One row per published window, office and category with revenue; they add up to what is published, windows that are due again aside.';
COMMENT ON COLUMN offices.revenue.window_start IS 'Start of the window (UTC); name it, or a range, when you ask.';
COMMENT ON COLUMN offices.revenue.office IS 'Number of the office.';
COMMENT ON COLUMN offices.revenue.category IS 'The category of diagnosis.';
COMMENT ON COLUMN offices.revenue.revenue IS 'Sum of the prices.';
COMMENT ON COLUMN offices.revenue.claims IS 'Claims behind it.';
COMMENT ON COLUMN offices.revenue.patients IS 'Patients behind it.';

GRANT USAGE ON SCHEMA offices TO office_auditor, office_analytics;
GRANT SELECT ON offices.claim, offices.diagnose, offices.reconciliation, offices.revenue TO office_auditor;
GRANT SELECT ON offices.revenue TO office_analytics;
