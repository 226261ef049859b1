-- At most one row: what a receiver was told of a kind of trouble, if it is to be told something else now.
-- Whoever gets the row sends the message: the time of the try keeps others from sending it, and from trying again too soon.
-- Times that lie far ahead are of a clock that was put back since.
UPDATE analytics.notice
SET tried_at = %(now)s
WHERE
    receiver = %(receiver)s
    AND kind = %(kind)s
    AND coalesce(
        told_at NOT BETWEEN %(now)s::timestamptz - %(hour)s::interval AND %(now)s::timestamptz + %(hour)s::interval, TRUE
    )
    AND coalesce(
        tried_at NOT BETWEEN %(now)s::timestamptz - %(pause)s::interval AND %(now)s::timestamptz + %(pause)s::interval, TRUE
    )
    AND told IS DISTINCT FROM (
        SELECT coalesce(array_agg(t.trouble_id ORDER BY t.trouble_id), '{}')
        FROM analytics.trouble AS t
        WHERE t.kind = %(kind)s AND t.ended_at IS NULL
    )
RETURNING told
