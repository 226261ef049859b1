-- One row per trouble of a kind that ends: it went on so far, and is not among those that are found now.
UPDATE analytics.trouble
SET ended_at = %(now)s
WHERE
    kind = %(kind)s
    AND ended_at IS NULL
    AND NOT subject = any(%(subjects)s::text[])
