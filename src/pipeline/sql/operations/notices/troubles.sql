-- One row per trouble of a kind that a receiver has to know of: it goes on, or the receiver was told of it and it has ended.
SELECT
    t.trouble_id,
    t.subject,
    t.trouble_id = any(%(told)s::bigint[]) AS is_told,
    t.began_at,
    t.ended_at
FROM analytics.trouble AS t
WHERE
    t.kind = %(kind)s
    AND (t.ended_at IS NULL OR t.trouble_id = any(%(told)s::bigint[]))
ORDER BY t.began_at, t.trouble_id
