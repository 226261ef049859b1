-- One row per diagnose that the live layer and the rebuilt one don't have alike.
INSERT INTO rebuilt_difference (relation, kind, id)
SELECT
    'diagnose' AS relation,
    CASE WHEN live.id IS NULL THEN 'missing' WHEN rebuilt.id IS NULL THEN 'surplus' ELSE 'changed' END AS kind,
    coalesce(live.id, rebuilt.id) AS id
FROM diagnose AS live
FULL JOIN rebuilt_diagnose AS rebuilt ON live.id = rebuilt.id
WHERE
    live.id IS NULL
    OR rebuilt.id IS NULL
    OR (live.icd10_code, live.patient_id, live.tsp) IS DISTINCT FROM (rebuilt.icd10_code, rebuilt.patient_id, rebuilt.tsp)
