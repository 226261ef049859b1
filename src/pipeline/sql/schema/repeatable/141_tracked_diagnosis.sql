-- analytics.tracked_diagnosis holds codes in their normal form: a diagnosis is compared with them as it stands in its table, so that
-- R413 would never count. Rows from before the normal form get it; those that have none never counted, and stay as they are.
-- The name of the rule is what a person reads who breaks it.
-- noqa: disable=RF05
ALTER TABLE analytics.tracked_diagnosis DROP CONSTRAINT IF EXISTS "write icd10_code as the table diagnose has it, such as R41.3";

UPDATE analytics.tracked_diagnosis AS t
SET icd10_code = staging.icd10_code(t.icd10_code)
WHERE
    staging.icd10_code(t.icd10_code) <> t.icd10_code
    AND NOT EXISTS (
        SELECT FROM analytics.tracked_diagnosis AS o
        WHERE o.icd10_code <> t.icd10_code AND staging.icd10_code(o.icd10_code) = staging.icd10_code(t.icd10_code)
    );

ALTER TABLE analytics.tracked_diagnosis
ADD CONSTRAINT "write icd10_code as the table diagnose has it, such as R41.3"
CHECK (staging.icd10_code(icd10_code) IS NOT DISTINCT FROM icd10_code) NOT VALID;
