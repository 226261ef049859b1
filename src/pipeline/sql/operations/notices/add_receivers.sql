-- One row per receiver and kind of trouble that is new.
INSERT INTO analytics.notice (receiver, kind)
SELECT
    r.receiver,
    k.kind
FROM unnest(%(receivers)s::text[]) AS r (receiver)
CROSS JOIN unnest(%(kinds)s::text[]) AS k (kind)
ON CONFLICT (receiver, kind) DO NOTHING
