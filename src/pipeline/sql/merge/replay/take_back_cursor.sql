-- One row: the stream's cursor, set so that the next merge looks behind it from the first replayed raw row on.
UPDATE staging.merge_cursor
SET
    rejected = rejected - %(replayed)s,
    looked_xid = '0',
    passed_seq = least(passed_seq, %(first_seq)s - 1),
    passed_at = least(passed_at, %(first_at)s::timestamptz)
WHERE stream = %(stream)s
