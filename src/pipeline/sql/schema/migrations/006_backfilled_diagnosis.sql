-- analytics.backfilled_diagnosis: one row per diagnosis code that the figures were computed with. What differs from
-- analytics.tracked_diagnosis was changed since the last analytics run. Codes that were backfilled before need no new backfill.
CREATE TABLE analytics.backfilled_diagnosis (
    icd10_code text PRIMARY KEY,
    category text NOT NULL
);

INSERT INTO analytics.backfilled_diagnosis (icd10_code, category)
SELECT
    t.icd10_code,
    t.category
FROM analytics.tracked_diagnosis AS t
WHERE t.backfilled_at IS NOT NULL;

ALTER TABLE analytics.tracked_diagnosis DROP COLUMN backfilled_at;
