-- One row per claim that the live layer and the rebuilt one don't have alike.
INSERT INTO rebuilt_difference (relation, kind, id)
SELECT
    'claim' AS relation,
    CASE WHEN live.id IS NULL THEN 'missing' WHEN rebuilt.id IS NULL THEN 'surplus' ELSE 'changed' END AS kind,
    coalesce(live.id, rebuilt.id) AS id
FROM claim AS live
FULL JOIN rebuilt_claim AS rebuilt ON live.id = rebuilt.id
WHERE
    live.id IS NULL
    OR rebuilt.id IS NULL
    OR (live.code, live.price, live.patient_id, live.tsp) IS DISTINCT FROM (rebuilt.code, rebuilt.price, rebuilt.patient_id, rebuilt.tsp)
