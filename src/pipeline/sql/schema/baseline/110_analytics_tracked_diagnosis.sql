-- analytics.tracked_diagnosis: one row per diagnosis code that counts for a category. A new category is an INSERT.
CREATE SCHEMA analytics;

CREATE TABLE analytics.tracked_diagnosis (
    icd10_code text PRIMARY KEY,
    category text NOT NULL,
    backfilled_at timestamptz
);

INSERT INTO analytics.tracked_diagnosis (icd10_code, category)
VALUES ('R41.3', 'Amnesia'), ('J44.9', 'Asthma');
