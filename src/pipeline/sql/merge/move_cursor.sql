-- One row: the stream's cursor, moved past the batch.
-- If it stood where the last look was, what this batch's snapshot does not see can appear behind it until the next look.
UPDATE staging.merge_cursor
SET
    taken_seq = %(high_seq)s,
    taken_at = greatest(taken_at, least(%(last_at)s::timestamptz, now())),
    looked_snapshot = CASE WHEN looked_seq < taken_seq THEN looked_snapshot ELSE %(snapshot)s::pg_snapshot END
WHERE stream = %(stream)s
