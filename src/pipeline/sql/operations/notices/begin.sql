-- One row per trouble of a kind that begins. One that goes on has its row.
INSERT INTO analytics.trouble (kind, subject, began_at)
SELECT
    %(kind)s,
    found.subject,
    found.began_at
FROM unnest(%(subjects)s::text[], %(began_at)s::timestamptz[]) AS found (subject, began_at)
ON CONFLICT (kind, subject) WHERE ended_at IS NULL DO NOTHING
