-- At most one row: the stream, if its clean table is found emptied for the first time. The time is kept until a rebuild puts it right.
UPDATE staging.merge_cursor
SET emptied_at = now()
WHERE stream = %(stream)s AND emptied_at IS NULL
RETURNING stream
