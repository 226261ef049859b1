-- One row: the stream's cursor, moved past the batch.
-- If no row could appear behind the cursor before, a row that does so now is of a transaction that was under way meanwhile.
UPDATE staging.merge_cursor
SET
    taken_seq = %(high_seq)s,
    taken_at = greatest(taken_at, least(%(last_at)s::timestamptz, now())),
    looked_xid = CASE WHEN passed_seq < taken_seq THEN looked_xid ELSE %(oldest_xid)s::xid8 END,
    next_passed_seq = CASE WHEN passed_seq < taken_seq THEN next_passed_seq ELSE %(high_seq)s END,
    next_passed_xid = CASE WHEN passed_seq < taken_seq THEN next_passed_xid END
WHERE stream = %(stream)s
