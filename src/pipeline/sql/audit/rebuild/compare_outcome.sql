-- One row per raw row whose outcome is not the one that was derived anew.
WITH live AS (
    SELECT
        o.seq,
        count(*) AS outcomes,
        min(o.stream) AS stream,
        min(o.entity_id) AS entity_id,
        min(o.fate) AS fate,
        min(o.reason) AS reason,
        min(o.run_id) AS run_id,
        min(o.received_at) AS received_at
    FROM staging.outcome AS o
    GROUP BY o.seq
)

INSERT INTO rebuilt_difference (relation, kind, id)
SELECT
    'outcome' AS relation,
    CASE
        WHEN live.seq IS NULL THEN 'missing'
        WHEN rebuilt.seq IS NULL THEN 'surplus'
        WHEN live.outcomes > 1 THEN 'doubled'
        ELSE 'changed'
    END AS kind,
    coalesce(live.seq, rebuilt.seq) AS id
FROM live
FULL JOIN rebuilt_outcome AS rebuilt ON live.seq = rebuilt.seq
WHERE
    live.seq IS NULL
    OR rebuilt.seq IS NULL
    OR live.outcomes > 1
    OR (live.stream, live.entity_id, live.fate, live.reason, live.run_id, live.received_at)
    IS DISTINCT FROM (rebuilt.stream, rebuilt.entity_id, rebuilt.fate, rebuilt.reason, rebuilt.run_id, rebuilt.received_at)
