-- One row: a receiver that has taken a message about a kind of trouble; it now knows of these troubles.
UPDATE analytics.notice
SET
    told = %(told)s::bigint[],
    told_at = %(now)s
WHERE receiver = %(receiver)s AND kind = %(kind)s
