-- One row: the stream's cursor, for the next merge to look behind it from the first raw row on that was put back.
UPDATE staging.merge_cursor
SET
    rejected = rejected - %(replayed)s,
    looked_xid = '0',
    passed_seq = least(passed_seq, %(first_seq)s - 1),
    passed_at = least(passed_at, %(first_at)s::timestamptz)
WHERE stream = %(stream)s
